// SPDX-License-Identifier: Apache-2.0
// What other platforms ask about a record, and what its owner says: on the page of the record, at both.
import { useState } from "preact/hooks";
import { enc, post } from "../api.js";
import { t } from "../i18n.js";
import { recordScope } from "../kinds.js";
import { useLoad } from "../load.js";
import { mayPut, mayRead } from "../roles.js";
import { span, stamp } from "../when.js";
import { Badge, Problem } from "./bits.jsx";
import { Form } from "./form.jsx";

const everyMs = 10000;
const asked = ["listing", "need", "event", "notice"];

function Typed({ kinds, kind, draft, label, send, initial, close }) {
  const k = kinds.find((x) => x.name === kind);
  return (
    <Form
      id={kind}
      scope={recordScope(kind)}
      fields={k.fields.filter((f) => f.name === "text")}
      initial={initial}
      draft={draft}
      send={send}
      label={label}
      done={close}
      cancel={close}
    />
  );
}

function One({ k, kinds, record, q, me, reload }) {
  const [open, setOpen] = useState(false);
  const answers = record.mine && !q.mine && mayPut(me, "question_answer");
  const send = (d) =>
    post("/api/records/question_answer", {
      d: { ...d, about: `${q.asker}/${q.id}` },
      ...(q.answer ? { id: q.answer.id, seen_r: q.answer.r } : {}),
    });
  return (
    <li class="question">
      <p class="meta">
        <strong>{q.asker_name}</strong>
        <span>{stamp(q.ts)}</span>
        {!q.answered && <Badge tone="warn" text={t(q.answer ? "question.changed" : "question.waits")} />}
      </p>
      <p class="long">{q.text}</p>
      {q.answer && (
        <div class="answer">
          <p class="meta">
            <strong>{record.owner_name || record.owner}</strong>
            <span>{t("question.after", { span: span((q.answer.ts - q.ts) / 1000) })}</span>
          </p>
          <p class="long">{q.answer.text}</p>
        </div>
      )}
      {answers && !open && (
        <button type="button" class={`button small ${q.answered ? "" : "primary"}`} onClick={() => setOpen(true)}>
          {t(q.answer ? "question.again" : "question.answer")}
        </button>
      )}
      {answers && open && (
        <Typed
          kinds={kinds}
          kind="question_answer"
          draft={`question_answer.new.${k.name}.${record.id}:${q.id}`}
          label={t("question.answer")}
          initial={q.answer ? { text: q.answer.text } : undefined}
          send={send}
          close={() => {
            setOpen(false);
            reload();
          }}
        />
      )}
    </li>
  );
}

export function Questions({ k, kinds, record, me }) {
  const here = asked.indexOf(k.name) >= 0 && mayRead(me, "question");
  const { data, error, reload } = useLoad(here ? `/api/questions/${enc(record.owner)}/${enc(record.id)}` : "", everyMs);
  const [open, setOpen] = useState(false);
  const may = !record.mine && mayPut(me, "question");
  if (!here || (!data && !error) || (data && record.mine && data.items.length === 0)) return null;
  return (
    <section class="card questions" aria-label={t("question.title")}>
      <header class="related-head">
        <h2>{t("question.title")}</h2>
        {may && !open && (
          <button type="button" class="button small" onClick={() => setOpen(true)}>
            {t("question.ask")}
          </button>
        )}
      </header>
      <Problem error={error} retry={reload} />
      {may && open && (
        <>
          <p class="help">{t("question.plain")}</p>
          <Typed
            kinds={kinds}
            kind="question"
            draft={`question.new.${k.name}.${record.owner}:${record.id}`}
            label={t("question.send")}
            send={(d) => post("/api/records/question", { d: { ...d, about: `${record.owner}/${record.id}` } })}
            close={() => {
              setOpen(false);
              reload();
            }}
          />
        </>
      )}
      {data && data.items.length === 0 && <p class="help">{t("question.none")}</p>}
      {data && (
        <ul>
          {data.items.map((q) => (
            <One key={q.asker + q.id} k={k} kinds={kinds} record={record} q={q} me={me} reload={reload} />
          ))}
        </ul>
      )}
    </section>
  );
}
