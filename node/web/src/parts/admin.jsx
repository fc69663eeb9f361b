// SPDX-License-Identifier: Apache-2.0
// Small pieces of the administrator's pages.
import { useState } from "preact/hooks";
import { post } from "../api.js";
import { t } from "../i18n.js";
import { Problem } from "./bits.jsx";

export function Choice({ id, label, value, onInput, options }) {
  return (
    <div class="field">
      <label htmlFor={id}>{label}</label>
      <select id={id} value={value} onChange={(e) => onInput(e.currentTarget.value)}>
        {options.map(([v, text]) => (
          <option key={v} value={v}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}

// Pressed twice, not by mistake: a program stops at once.
export function Sure({ path, name, ask, go, done }) {
  const [sure, setSure] = useState(false);
  const [error, setError] = useState(null);
  if (error) return <Problem error={error} retry={() => setError(null)} />;
  if (!sure)
    return (
      <button type="button" class="button small" aria-label={`${ask}: ${name}`} onClick={() => setSure(true)}>
        {ask}
      </button>
    );
  return (
    <span class="line">
      <button type="button" class="button small danger" onClick={() => post(path).then(done, setError)}>
        {go}
      </button>
      <button type="button" class="link" onClick={() => setSure(false)}>
        {t("admin.keep")}
      </button>
    </span>
  );
}
