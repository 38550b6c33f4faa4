"use strict";
// The sandbox's Slack as a person sees it. Everything that comes from a message becomes text nodes, never markup.

const LOOK_AGAIN = 500; // milliseconds
const MARKS = /<!date\^(\d+)\^([^|>]*)\|([^>]*)>|<([^|>]+)\|([^>]*)>|<([^>]+)>|\*([^*\n]+)\*|`([^`\n]+)`/g;
const at = new URLSearchParams(location.search);
let me = at.get("as") || "", place = at.get("place") || "", state = null, version = -1, dialog = null;
const read = {};

const $ = (id) => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat());
  return element;
}

const bare = (text) => text.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");

function moment(seconds, shape) {
  const when = new Date(Number(seconds) * 1000);
  const time = when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
  const day = when.toLocaleDateString([], { weekday: "short", day: "numeric", month: "short" });
  return shape.replace("{time}", time).replace("{date_short_pretty}", day);
}

function mrkdwn(text) {
  const lines = text.split("\n").map((line) => {
    const parts = [];
    let end = 0;
    for (const found of line.matchAll(MARKS)) {
      parts.push(bare(line.slice(end, found.index)), marked(found));
      end = found.index + found[0].length;
    }
    return [...parts, bare(line.slice(end))];
  });
  return lines.flatMap((line, index) => (index ? [make("br"), ...line] : line));
}

function marked([whole, seconds, shape, fallback, href, title, single, bold, code]) {
  if (seconds) return make("time", { title: fallback }, moment(seconds, shape));
  if (href) return /^https?:/.test(href) ? make("a", { href: bare(href), rel: "noopener", target: "_blank" }, bare(title)) : bare(title);
  if (single) return single.startsWith("#") ? roomName(single.slice(1)) : bare(single);
  if (bold) return make("strong", {}, mrkdwn(bold));
  return code ? make("code", {}, bare(code)) : bare(whole);
}

const roomName = (id) => state.places.find((one) => one.id === id)?.title || `#${id}`;

const said = (object) => (object.type === "mrkdwn" ? mrkdwn(object.text) : [object.text]);

function button(element, press) {
  const ask = element.confirm;
  const pressed = () => (ask ? confirmed(ask, press) : press(element.action_id));
  return make("button", { type: "button", class: element.style, "data-action": element.action_id, onclick: pressed }, element.text.text);

  function confirmed(object, go) {
    show(object.title.text, [make("p", {}, said(object.text))], object.confirm.text, object.deny.text, async () => {
      await go(element.action_id);
      return {};
    });
  }
}

function block(one, press) {
  switch (one.type) {
    case "header": return make("div", { class: "header" }, one.text.text);
    case "divider": return make("hr");
    case "context": return make("div", { class: "context" }, one.elements.map((part) => make("div", {}, said(part))));
    case "actions": return make("div", { class: "actions" }, one.elements.map((element) => button(element, press)));
    case "section": {
      const fields = one.fields ? make("div", { class: "fields" }, one.fields.map((field) => make("div", {}, said(field)))) : "";
      const text = make("div", { class: "section" }, one.text ? said(one.text) : "", fields);
      return one.accessory ? make("div", { class: "row" }, text, button(one.accessory, press)) : text;
    }
    default: return make("div", { class: "section" }, `[${one.type}]`);
  }
}

async function act(what) {
  const answer = await fetch("sandbox/act", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ as: me, ...what }) });
  const told = await answer.json();
  $("note").textContent = told.note || told.error || "";
  await look();
  return told;
}

function show(title, body, submit, close, send) {
  dialog = { title };
  const ends = make("div", { class: "ends" }, make("button", { type: "button", onclick: () => hide(true) }, close), make("button", { class: "primary" }, submit));
  $("form").replaceChildren(make("h3", {}, title), ...body, ends);
  $("form").onsubmit = async (event) => {
    event.preventDefault();
    const told = await send(new FormData($("form")));
    for (const old of $("form").querySelectorAll(".error")) old.remove();
    if (!told.errors) return hide(false);
    for (const [name, why] of Object.entries(told.errors)) {
      $("form").querySelector(`[name="${CSS.escape(name)}"]`)?.after(make("span", { class: "error", role: "alert" }, why));
    }
  };
  if (!$("dialog").open) $("dialog").showModal();
}

function hide(unsent) {
  const view = dialog?.view;
  dialog = null;
  $("dialog").close();
  if (unsent && view) act({ do: "close", view });
}

function field(one) {
  const { element, block_id: name } = one;
  const hint = element.placeholder?.text || "";
  if (element.type === "static_select") {
    const chosen = element.initial_option?.value;
    const options = element.options.map((option) => make("option", { value: option.value, selected: option.value === chosen }, option.text.text));
    return make("select", { name }, chosen ? options : [make("option", { value: "" }, ""), ...options]);
  }
  const given = element.initial_value || "";
  return element.multiline ? make("textarea", { name, rows: 3, placeholder: hint }, given) : make("input", { name, value: given, placeholder: hint });
}

function openView(view) {
  if (dialog?.view === view.id) return;
  const body = view.blocks.map((one) => (one.type === "input" ? make("label", {}, one.label.text + (one.optional ? " (optional)" : ""), field(one)) : block(one, () => {})));
  show(view.title.text, body, view.submit.text, view.close.text, (form) => act({ do: "submit", view: view.id, answers: Object.fromEntries(form) }));
  dialog.view = view.id;
}

function message(one) {
  const press = (action) => act({ do: "click", place, ts: one.ts, action });
  const time = moment(one.at, "{time}");
  const marks = one.edited ? `${time} (edited)` : time;
  const head = make("div", { class: "who" }, one.author || "Tocsin", make("small", {}, one.whisper ? `${time} · only you can see this` : marks));
  if (one.author) head.append(make("button", { class: "mark", title: "as with the reaction :pushpin:", onclick: () => act({ do: "mark", place, ts: one.ts }) }, "onto the timeline"));
  const body = one.blocks.length ? one.blocks.map((part) => block(part, press)) : [make("div", { class: "section" }, mrkdwn(one.text))];
  return make("article", { class: [one.whisper && "whisper", one.author && "person", one.reply && "reply"].filter(Boolean).join(" "), "data-ts": one.ts, "data-initial": (one.author || "T")[0].toUpperCase() }, head, ...body);
}

function draw() {
  $("me").replaceChildren(...state.people.map((one) => make("option", { value: one.id, selected: one.id === me }, one.name)));
  const rows = state.places.map((one) => {
    const last = Math.max(0, ...one.messages.map((said) => said.seq));
    if (one.id === place) read[me + place] = last;
    const news = last > (read[me + one.id] || 0);
    return make("li", {}, make("button", { class: news ? "news" : "", "aria-current": one.id === place, onclick: () => go(one) }, one.title));
  });
  $("places").replaceChildren(...rows);
  $("levers").replaceChildren(...state.levers.map((title) => make("button", { onclick: () => act({ do: "pull", lever: title }) }, title)));
  const here = state.places.find((one) => one.id === place);
  $("place").textContent = here.title;
  const pane = $("messages");
  const atEnd = pane.scrollHeight - pane.scrollTop - pane.clientHeight < 80;
  const shown = here.home ? here.home.map((part) => block(part, (action) => act({ do: "press", action }))) : here.messages.map(message);
  pane.replaceChildren(...(shown.length ? shown : [make("p", { class: "empty" }, "Nothing was said here yet.")]));
  if (atEnd) pane.scrollTop = pane.scrollHeight;
  $("typing").hidden = Boolean(here.home);
  if (state.dialog) openView(state.dialog);
}

function go(one) {
  place = one.id;
  draw();
  if (one.home) act({ do: "home" });
}

async function look() {
  const found = await (await fetch(`sandbox/state?as=${encodeURIComponent(me)}`)).json();
  const fresh = found.version !== version || found.me !== me;
  state = found;
  version = found.version;
  me = found.me;
  if (!state.places.some((one) => one.id === place)) place = state.places[0].id;
  if (fresh) draw();
}

$("me").onchange = (event) => { me = event.target.value; place = ""; if (dialog) hide(false); version = -1; look(); };
$("typing").onsubmit = async (event) => {
  event.preventDefault();
  const text = $("line").value.trim();
  $("line").value = "";
  if (text) await act({ do: "type", place, text });
};
$("dialog").addEventListener("cancel", (event) => { event.preventDefault(); hide(true); });
document.title = "Tocsin sandbox";
look().then(() => {
  if (at.has("still")) document.body.dataset.ready = "yes";
  else setInterval(() => look().catch(() => { $("note").textContent = "The sandbox has ended."; }), LOOK_AGAIN);
});
