// SPDX-License-Identifier: Apache-2.0
// What stands before the pages: one card in the middle, and the plain fields of log-in and account.
import { useEffect, useRef } from "preact/hooks";
import { Brand, Languages } from "./frame.jsx";

export function Text({ id, label, type, value, onInput, auto, help, mode, focus }) {
  const ref = useRef(null);
  useEffect(() => {
    if (focus) ref.current.focus();
  }, []);
  return (
    <div class="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        ref={ref}
        type={type}
        value={value}
        autoComplete={auto}
        autoCapitalize="none"
        inputMode={mode}
        spellcheck={false}
        aria-describedby={help ? `${id}-help` : undefined}
        onInput={(e) => onInput(e.currentTarget.value)}
      />
      {help && (
        <p class="help" id={`${id}-help`}>
          {help}
        </p>
      )}
    </div>
  );
}

export function Gate({ title, lead, lang, speak, children }) {
  return (
    <div class="gate">
      <header class="gate-top">
        <Brand />
        <Languages lang={lang} speak={speak} />
      </header>
      <main class="gate-card">
        <h1>{title}</h1>
        {lead && <p class="lead">{lead}</p>}
        {children}
      </main>
    </div>
  );
}

export const Refusal = ({ text }) =>
  text ? (
    <div class="note note-bad" role="alert">
      <p>{text}</p>
    </div>
  ) : null;
