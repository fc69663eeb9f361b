// SPDX-License-Identifier: Apache-2.0
// Attachments: chosen and brought in a form, listed and saved on a record's page.
import { useEffect, useRef, useState } from "preact/hooks";
import { download, enc, post } from "../api.js";
import { announce, bring, dropUpload } from "../files.js";
import { has, t } from "../i18n.js";
import { useLoad } from "../load.js";
import { Problem } from "./bits.jsx";

const endings = ".pdf,.png,.jpg,.jpeg,.docx,.xlsx,.pptx,.doc,.xls,.wps,.et,.txt,.csv";
export const sizeText = (n) => (n < 1024 * 1024 ? t("files.kb", { n: Math.max(1, Math.round(n / 1024)) }) : t("files.mb", { n: (n / 1024 / 1024).toFixed(1) }));
// A page that was closed has no hold of the file any more; the person chooses it once more.
const isSame = (x, file) => x.upload && x.name === file.name && x.len === file.size && x.changed === file.lastModified;

/* value: what is whole, {name, type, len, sha256}, and what is on its way, {upload, name, len, changed}.
 * It lies in the draft, so another page goes on from there. */
export function FilesInput({ id, f, value, onInput, described }) {
  const now = useRef(null);
  now.current = { value, onInput };
  const live = useRef(true);
  const [going, setGoing] = useState({}); // by upload: {at, waits}
  const [error, setError] = useState(null);
  useEffect(() => {
    live.current = true;
    return () => (live.current = false);
  }, []);
  // The form may have changed while a file was on its way: what stands in it now counts.
  const put = (change) => {
    const next = change(now.current.value);
    now.current.value = next;
    now.current.onInput(next);
  };
  const here = (upload) => live.current && now.current.value.some((x) => x.upload === upload);
  const mark = (upload, x) => live.current && setGoing((g) => ({ ...g, [upload]: x }));
  const run = async (upload, file) => {
    mark(upload, { at: 0 });
    try {
      const whole = await bring(upload, file, (at, waits) => mark(upload, { at, waits }), () => here(upload));
      if (whole && here(upload)) {
        put((all) => all.filter((x) => x.sha256 !== whole.sha256).map((x) => (x.upload === upload ? whole : x)));
      }
    } catch (e) {
      if (!live.current) return;
      setError(e);
      if (e.status !== 401 && here(upload)) put((all) => all.filter((x) => x.upload !== upload));
    }
    mark(upload, undefined);
  };
  const choose = async (list) => {
    setError(null);
    for (let i = 0; i < list.length; i++) {
      const file = list[i];
      const known = now.current.value.find((x) => isSame(x, file));
      if (known && going[known.upload]) continue;
      if (!known && now.current.value.length >= f.max) return setError({ err: "files", message: t("check.count", f), body: {} });
      try {
        const upload = known ? known.upload : (await announce(file)).id;
        if (!live.current) return undefined;
        if (!known) put((all) => all.concat({ upload, name: file.name, len: file.size, changed: file.lastModified }));
        run(upload, file);
      } catch (e) {
        setError(e);
      }
    }
    return undefined;
  };
  const remove = (x) => {
    put((all) => all.filter((y) => y !== x));
    if (x.upload) dropUpload(x.upload);
  };
  const state = (x) => {
    const g = x.upload && going[x.upload];
    if (!x.upload) return <span class="help">{sizeText(x.len)}</span>;
    if (!g) return <span class="fault">{t("files.again", { name: x.name })}</span>;
    const percent = Math.floor((100 * g.at) / x.len);
    return (
      <>
        <progress max={100} value={percent} aria-label={x.name} />
        <span class="help">{t(g.waits ? "files.waits" : "files.going", { percent })}</span>
      </>
    );
  };
  return (
    <div class="files" aria-describedby={described}>
      {value.length > 0 && (
        <ul class="file-list">
          {value.map((x) => (
            <li key={x.upload || x.sha256}>
              <bdi class="file-name">{x.name}</bdi>
              {state(x)}
              <button type="button" class="button small" aria-label={t("files.remove_one", { name: x.name })} onClick={() => remove(x)}>
                {t("files.remove")}
              </button>
            </li>
          ))}
        </ul>
      )}
      {error && <Problem error={error} />}
      <label htmlFor={`${id}-file`}>{t("files.choose")}</label>
      <input
        id={`${id}-file`}
        type="file"
        multiple
        accept={endings}
        onChange={(e) => {
          const list = Array.from(e.currentTarget.files || []);
          e.currentTarget.value = "";
          choose(list);
        }}
      />
      <p class="help">{t("files.help")}</p>
    </div>
  );
}

const lookMs = 2000;
const whyText = (why) => t(has(`files.why.${why}`) ? `files.why.${why}` : "files.why.other");

// Where a file is that lies with another platform; nothing of one that is here.
function Away({ x, there, names }) {
  if (there.state === "away") return <span class="help">{t("files.away")}</span>;
  if (there.state === "lost") return <span class="fault">{t("files.lost")}</span>;
  if (there.state === "given_up") return <span class="fault">{t("files.given_up", { why: whyText(there.why) })}</span>;
  const so = { here: there.here ? sizeText(there.here) : t("files.kb", { n: 0 }), all: sizeText(x.len), from: names[there.from] || there.from };
  return (
    <>
      <progress max={x.len} value={there.here} aria-label={x.name} />
      <span class="help">
        {t(there.from ? "files.coming_from" : "files.coming", so)} {there.why && whyText(there.why)}
      </span>
    </>
  );
}

// at: [owner, kind, id] of the record that names them; names: of the nodes.
export function FileList({ files, at, names }) {
  const [busy, setBusy] = useState("");
  const [error, setError] = useState(null);
  const [every, setEvery] = useState(0);
  const path = `/api/files/${at.map(enc).join("/")}`;
  const where = useLoad(path, every);
  const by = {};
  ((where.data && where.data.files) || []).forEach((x) => (by[x.sha256] = x));
  const coming = files.some((x) => by[x.sha256] && by[x.sha256].state === "coming");
  useEffect(() => setEvery(coming ? lookMs : 0), [coming]);
  const run = async (x, what) => {
    setBusy(x.sha256);
    setError(null);
    try {
      await what(`${path}/${enc(x.sha256)}`);
    } catch (e) {
      setError(e);
    }
    setBusy("");
  };
  const bringIt = async (file) => {
    await post(`${file}/fetch`);
    where.reload();
  };
  const button = (x, label, name, what) => (
    <button type="button" class="button small" disabled={busy !== ""} aria-label={name} onClick={() => run(x, what)}>
      {busy === x.sha256 ? t("files.loading") : label}
    </button>
  );
  return (
    <div class="files">
      <ul class="file-list" aria-live="polite">
        {files.map((x) => {
          const there = by[x.sha256] || { state: "here" };
          return (
            <li key={x.sha256}>
              <bdi class="file-name">{x.name}</bdi>
              {there.state !== "coming" && <span class="help">{sizeText(x.len)}</span>}
              {there.state !== "here" && <Away x={x} there={there} names={names} />}
              {there.state === "here" && button(x, t("files.save"), t("files.save_one", { name: x.name }), download)}
              {(there.state === "away" || there.state === "given_up") && button(x, t("files.fetch"), t("files.fetch_one", { name: x.name }), bringIt)}
            </li>
          );
        })}
      </ul>
      {error && <Problem error={error} />}
    </div>
  );
}
