// SPDX-License-Identifier: Apache-2.0
// One input per field type of the kind tables, each with its label, help and fault beside it.
import { useEffect, useState } from "preact/hooks";
import { enc, get, query } from "../api.js";
import { t } from "../i18n.js";
import { choiceLabel, fieldHelp, fieldLabel, newRow, offered, rowFields } from "../kinds.js";
import { useLoad, useOnce } from "../load.js";
import { DateInput } from "./date.jsx";
import { FilesInput } from "./files.jsx";
import { Problem, tierName } from "./bits.jsx";

function NodeInput({ id, value, onInput, aria, f }) {
  const { data: all, error, reload } = useOnce("/api/nodes");
  const nodes = ((all && all.nodes) || []).filter((n) => n.id !== f.except && (!n.state || n.state === "active" || n.id === value));
  if (error) return <Problem error={error} retry={reload} />;
  return (
    <select id={id} value={value} {...aria} onChange={(e) => onInput(e.currentTarget.value)}>
      <option value="">{t("form.choose")}</option>
      {value && !nodes.some((n) => n.id === value) && <option value={value}>{value}</option>}
      {nodes.map((n) => (
        <option key={n.id} value={n.id}>
          {`${n.name} · ${tierName(n.tier)}`}
        </option>
      ))}
    </select>
  );
}

// A record of this node, by its title. Most platforms have fewer than fit one list; with more, a word
// narrows it.
function RefInput({ id, value, onInput, aria, f }) {
  const kind = f.refers ? f.refers[0] : "";
  const [q, setQ] = useState("");
  const [word, setWord] = useState("");
  useEffect(() => {
    const late = setTimeout(() => setWord(q.trim()), 300);
    return () => clearTimeout(late);
  }, [q]);
  const { data, error, reload } = useLoad(kind ? `/api/records${query({ kind, owner: "me", limit: 200, q: word })}` : "");
  const items = ((data && data.items) || []).filter((r) => r.state !== "withdrawn");
  const many = word !== "" || (data && data.next);
  const at = useLoad(kind && value && data && !items.some((r) => r.id === value) ? `/api/records/me/${enc(kind)}/${enc(value)}` : "").data;
  if (!kind) return plain("text")({ id, value, onInput, aria, f });
  if (error) return <Problem error={error} retry={reload} />;
  return (
    <div class={many ? "pair" : ""}>
      {many && <input type="search" aria-label={t("ref.search")} placeholder={t("ref.search")} autoComplete="off" value={q} onInput={(e) => setQ(e.currentTarget.value)} />}
      <select id={id} value={value} {...aria} onChange={(e) => onInput(e.currentTarget.value)}>
        <option value="">{t(data && items.length === 0 ? "ref.none" : f.required ? "form.choose" : "form.open")}</option>
        {value && !items.some((r) => r.id === value) && <option value={value}>{at ? at.title : value}</option>}
        {items.map((r) => (
          <option key={r.id} value={r.id}>
            {r.title}
          </option>
        ))}
      </select>
    </div>
  );
}

// Levels of the area code: province 2, city 4, county 6, street 9, community 12 digits.
const cuts = [2, 4, 6, 9, 12];
const nameOf = {}; // every name that was seen in a list, so that a code does not stand alone

function AreaInput({ id, value, onInput, aria }) {
  const [names, setNames] = useState(null); // null: not asked yet
  const known = /^\d{2,12}$/.test(value) ? value : "";
  useEffect(() => {
    let live = true;
    const late = setTimeout(() => {
      const parent = cuts.filter((n) => n <= known.length).map((n) => known.slice(0, n)).pop() || "";
      get(`/api/areas?parent=${enc(parent)}`).then(
        (r) => {
          (r.areas || []).forEach((a) => (nameOf[a.code] = a.name));
          if (live) setNames(r.areas || []);
        },
        () => live && setNames([]),
      );
    }, 200);
    return () => {
      live = false;
      clearTimeout(late);
    };
  }, [known]);
  return (
    <div class="pair">
      <input
        id={id}
        type="text"
        inputMode="numeric"
        maxLength={12}
        autoComplete="off"
        value={value}
        {...aria}
        onInput={(e) => onInput(e.currentTarget.value.trim())}
      />
      <select
        aria-label={t("area.below")}
        value=""
        disabled={!names || names.length === 0}
        onChange={(e) => e.currentTarget.value && onInput(e.currentTarget.value)}
      >
        <option value="">{t(!names || names.length ? "area.below" : "area.none")}</option>
        {(names || []).map((a) => (
          <option key={a.code} value={a.code}>
            {`${a.name} ${a.code}`}
          </option>
        ))}
      </select>
      {nameOf[value] && <p class="help">{nameOf[value]}</p>}
    </div>
  );
}

const plain = (type, extra) => ({ id, value, onInput, aria, f }) => (
  <input
    id={id}
    type={type}
    maxLength={f.max > 0 && f.max < 1000 && f.type === "text" ? f.max * 2 : undefined}
    autoComplete="off"
    {...extra}
    value={value}
    {...aria}
    onInput={(e) => onInput(e.currentTarget.value)}
  />
);

// The day and the hour of it, one value. Half of it is kept as it was typed.
function TimeInput({ id, value, onInput, aria }) {
  const [day, hour] = value.split("T");
  const set = (d, h) => onInput(d || h ? `${d}T${h}` : "");
  return (
    <div class="time">
      <DateInput id={id} value={day} onInput={(d) => set(d, hour || "")} described={aria["aria-describedby"]} invalid={!!aria["aria-invalid"]} required={!!aria["aria-required"]} />
      <input
        id={`${id}-hour`}
        class="time-hour"
        type="text"
        inputMode="numeric"
        maxLength={5}
        autoComplete="off"
        placeholder={t("date.hour_shape")}
        aria-label={t("date.hour")}
        value={hour || ""}
        onInput={(e) => set(day, e.currentTarget.value.replace("\uff1a", ":"))}
      />
    </div>
  );
}

const area = (rows) => ({ id, value, onInput, aria }) => (
  <textarea id={id} rows={rows} {...aria} value={value} onInput={(e) => onInput(e.currentTarget.value)} />
);

function Choice({ id, value, onInput, aria, f, scope }) {
  return (
    <select id={id} value={value} {...aria} onChange={(e) => onInput(e.currentTarget.value)}>
      {(!f.required || value === "") && <option value="">{t(f.required ? "form.choose" : "form.open")}</option>}
      {offered(f, [value]).map((c) => (
        <option key={c} value={c}>
          {choiceLabel(scope, f, c)}
        </option>
      ))}
    </select>
  );
}

const inputs = {
  text: plain("text"),
  password: plain("password"),
  long: area(4),
  texts: area(3),
  int: plain("text", { inputMode: "numeric" }),
  time: TimeInput,
  period: plain("text", { placeholder: "2026-11" }),
  ref: RefInput,
  enum: Choice,
  node: NodeInput,
  area: AreaInput,
};

function Ticks({ id, f, scope, value, onInput, described }) {
  return (
    <div class="ticks" aria-describedby={described}>
      {offered(f, value).map((c) => (
        <label class="tick" key={c}>
          <input
            id={`${id}-${c}`}
            type="checkbox"
            checked={value.indexOf(c) >= 0}
            onChange={(e) => onInput(e.currentTarget.checked ? value.concat(c) : value.filter((x) => x !== c))}
          />
          <span>{choiceLabel(scope, f, c)}</span>
        </label>
      ))}
    </div>
  );
}

// A list of the same few questions, line by line: lines are added, moved and taken away with one press.
function RowList({ id, f, scope, value, onInput, described }) {
  const put = (i, row) => onInput(value.map((r, k) => (k === i ? row : r)));
  const move = (i, to) => {
    const next = value.slice();
    next.splice(to, 0, next.splice(i, 1)[0]);
    onInput(next);
  };
  const key = f.rows.find((g) => g.key);
  return (
    <div class="row-list" aria-describedby={described}>
      {value.map((row, i) => (
        <fieldset class="row-one" key={(key && row[key.name]) || i}>
          <legend>{t("rows.n", { n: i + 1 })}</legend>
          <div class="fields">
            {rowFields(f, row).map((g) => (
              <Field key={g.name} scope={`${scope}.${f.name}`} f={g} id={`${id}-${i}-${g.name}`} value={row[g.name]} onInput={(x) => put(i, { ...row, [g.name]: x })} />
            ))}
          </div>
          <div class="row-acts">
            <button type="button" class="button small" disabled={i === 0} onClick={() => move(i, i - 1)}>
              {t("rows.up")}
            </button>
            <button type="button" class="button small" disabled={i === value.length - 1} onClick={() => move(i, i + 1)}>
              {t("rows.down")}
            </button>
            <button type="button" class="button small" onClick={() => onInput(value.filter((r, k) => k !== i))}>
              {t("rows.remove")}
            </button>
          </div>
        </fieldset>
      ))}
      {value.length < f.max && (
        <button type="button" class="button" onClick={() => onInput(value.concat(newRow(f, value)))}>
          {t("rows.add")}
        </button>
      )}
    </div>
  );
}

const lists = { enums: Ticks, rows: RowList, files: FilesInput };

// A server's answer in words wins over our own, it knows more.
export function Field({ scope, f, id, value, onInput, problem }) {
  const label = f.label || fieldLabel(scope, f);
  const help = f.help || fieldHelp(scope, f) || (f.type === "texts" ? t("form.line_each") : "") || (f.own_area ? t("form.own_area") : "");
  const helpId = help ? `${id}-help` : "";
  const faultId = problem ? `${id}-fault` : "";
  const described = `${helpId} ${faultId}`.trim() || undefined;
  const aria = {
    "aria-describedby": described,
    "aria-invalid": problem ? "true" : undefined,
    "aria-required": f.required ? "true" : undefined,
  };
  const marks = (
    <>
      {f.required && !f.own_area && !f.since && <span class="must">{t("form.required")}</span>}
      {f.personal && <span class="private">{t("form.personal")}</span>}
    </>
  );
  const below = (
    <>
      {help && (
        <p class="help" id={helpId}>
          {help}
        </p>
      )}
      {problem && (
        <p class="fault" id={faultId}>
          {problem}
        </p>
      )}
    </>
  );
  if (f.type === "bool") {
    return (
      <div class="field">
        <label class="tick" htmlFor={id}>
          <input id={id} type="checkbox" checked={!!value} {...aria} onChange={(e) => onInput(e.currentTarget.checked)} />
          <span>
            {label}
            {marks}
          </span>
        </label>
        {below}
      </div>
    );
  }
  if (lists[f.type]) {
    const List = lists[f.type];
    return (
      <fieldset class="field field-wide" id={id} tabIndex={-1}>
        <legend>
          {label}
          {marks}
        </legend>
        <List id={id} f={f} scope={scope} value={value} onInput={onInput} described={described} />
        {below}
      </fieldset>
    );
  }
  const Input = inputs[f.type] || inputs.text;
  return (
    <div class={`field ${f.type === "long" || f.type === "texts" ? "field-wide" : ""}`}>
      <label htmlFor={id}>
        {label}
        {marks}
      </label>
      {f.type === "date" ? (
        <DateInput id={id} value={value} onInput={onInput} described={described} invalid={!!problem} required={f.required} />
      ) : (
        <Input id={id} value={value} onInput={onInput} aria={aria} f={f} scope={scope} />
      )}
      {below}
    </div>
  );
}
