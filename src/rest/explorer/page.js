
"use strict";
// Shows what the root tells, to whoever the key speaks for. All of it is put in as text, never as
// markup, and the key is kept nowhere but in its field.

const ROOT = location.pathname.replace(/\/docs\/?$/, "/");
const DOCUMENT = "application/openapi+json;version=3.1";
const LONGEST_SHOWN = 200_000;
let told = { paths: {} };

const find = (id) => document.getElementById(id);

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function ask(path, accept) {
  const headers = { Accept: accept };
  const [key, schema] = [find("key").value.trim(), find("schema").value.trim()];
  if (key) headers.apikey = key;
  if (schema) headers["Accept-Profile"] = schema;
  return fetch(ROOT + path, { headers });
}

// What a reference leads to.
function resolve(node) {
  if (!node?.$ref) return node;
  return node.$ref.slice(2).split("/").reduce((at, step) => at?.[step], told);
}

function note(text) {
  find("shown").replaceChildren(make("p", { id: "note", role: "status" }, text));
}

async function load() {
  note("One moment …");
  try {
    const answer = await ask("", DOCUMENT);
    const body = await answer.json();
    if (!answer.ok) return note(`${answer.status}: ${body.message ?? body.msg ?? ""}`);
    told = body;
  } catch (error) {
    return note(`The server cannot be asked: ${error.message}`);
  }
  find("title").textContent = document.title = told.info.title;
  list();
  show();
}

function list() {
  const wanted = find("wanted").value.trim().toLowerCase();
  const links = { relations: [], functions: [] };
  for (const path of Object.keys(told.paths).sort()) {
    const name = path.replace(/^\/(rpc\/)?/, "");
    if (!name || !name.toLowerCase().includes(wanted)) continue;
    const link = make("a", { href: `#${encodeURIComponent(path)}` }, name);
    if (path === chosen()) link.setAttribute("aria-current", "page");
    links[path.startsWith("/rpc/") ? "functions" : "relations"].push(make("li", {}, link));
  }
  for (const [id, items] of Object.entries(links)) find(id).replaceChildren(...items);
}

function chosen() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
}

function show() {
  const path = chosen();
  const item = Object.hasOwn(told.paths, path) && path !== "/" ? told.paths[path] : undefined;
  if (!item) return note(told.info?.description ?? "");
  const any = item.get ?? item.post;
  const parts = [
    make("h2", {}, path.slice(1)),
    make("p", {}, Object.keys(item).map((verb) => verb.toUpperCase()).join(" · ")),
    make("p", {}, [any.summary, any.description].filter(Boolean).join("\n")),
  ];
  find("shown").replaceChildren(...parts, ...(path.startsWith("/rpc/") ? called(path, item) : read(path, item)));
}

function type(schema) {
  const named = [schema.type ?? "any"].flat().filter((kind) => kind !== "null").join(" or ");
  return schema.format && schema.format !== named ? `${named} (${schema.format})` : named;
}

function table(heads, rows) {
  const cells = (tag, row) => make("tr", {}, ...row.map((cell) => make(tag, {}, cell)));
  return make("table", {}, make("thead", {}, cells("th", heads)), make("tbody", {}, ...rows.map((row) => cells("td", row))));
}

function columns(schema) {
  const required = schema?.required ?? [];
  return Object.entries(schema?.properties ?? {}).map(([name, column]) => [
    make("code", {}, name),
    type(column) + (column.enum ? `: ${column.enum.filter((label) => label !== null).join(", ")}` : ""),
    required.includes(name) ? "yes" : "",
    column.default === undefined ? "" : String(column.default),
    (column.description ?? "").replace(/<[pf]k[^>]*\/>/g, ""),
  ]);
}

function read(path, item) {
  const rows = item.get.responses["200"].content["application/json"].schema;
  const query = make("input", { className: "wide", value: "select=*&limit=10", spellcheck: false });
  return [
    table(["Column", "Type", "Needed", "Default", "Description"], columns(resolve(rows.items))),
    ...tried([make("label", {}, "Query ", query)], () => `${encoded(path)}?${query.value}`),
  ];
}

function called(path, item) {
  const body = item.post.requestBody?.content["application/json"].schema;
  const shown = table(["Argument", "Type", "Needed", "Default", "Description"], columns(body));
  if (!item.get) return [shown, make("p", {}, "It may write, so it is called by POST.")];
  const fields = (item.get.parameters ?? []).map(resolve).map((argument) => ({
    ...argument,
    input: make("input", { spellcheck: false }),
  }));
  const labels = fields.map(({ name, input }) => make("label", {}, `${name} `, input));
  return [shown, ...tried(labels, () => {
    const given = fields.filter(({ input, required }) => input.value !== "" || required);
    return `${encoded(path)}?${new URLSearchParams(given.map(({ name, input }) => [name, input.value]))}`;
  })];
}

const encoded = (path) => path.slice(1).split("/").map(encodeURIComponent).join("/");

// A form that reads what `target` says, and the answer.
function tried(fields, target) {
  const [status, body] = [make("p", { role: "status" }), make("pre", { hidden: true, tabIndex: 0 })];
  const form = make("form", {}, ...fields, make("button", {}, "GET"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    body.hidden = true;
    status.textContent = "One moment …";
    const started = performance.now();
    try {
      const answer = await ask(target(), "application/json");
      const text = await answer.text();
      const range = answer.headers.get("Content-Range");
      const took = Math.round(performance.now() - started);
      status.textContent = [`${answer.status} ${answer.statusText}`, `${took} ms`, range && `rows ${range}`].filter(Boolean).join(" · ");
      // As it came: numbers beyond 2^53 would not survive being parsed.
      body.textContent = text.slice(0, LONGEST_SHOWN);
      body.hidden = false;
    } catch (error) {
      status.textContent = `The server cannot be asked: ${error.message}`;
    }
  });
  return [form, status, body];
}

find("access").addEventListener("submit", (event) => {
  event.preventDefault();
  load();
});
find("wanted").addEventListener("input", list);
addEventListener("hashchange", () => {
  list();
  show();
  find("shown").focus();
});
load();
