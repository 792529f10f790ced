"use strict";
// No library and no network. Names go into the page as text, never as markup.

const data = JSON.parse(document.getElementById("data").textContent);
const { items, labels } = data;
const ANSWERS = [...labels.map((label, i) => ({ key: String(i + 1), value: label, text: label })),
  { key: "0", value: "none", text: "none of these" }, { key: "x", value: "no-speech", text: "no speech" }];

const byId = (id) => document.getElementById(id);
const audio = byId("audio");

// A sample has a name of its own in this browser's storage, so that two audits do not mix.
const STORE = `ser-batch audit ${data.title} ${hash(items.map((item) => `${item.file} ${item.start} ${item.audio.length}`).join("\n"))}`;
const kept = recall();
let at = firstOpen();

/** A short hash of a text (FNV-1a). */
function hash(text) {
  let value = 0x811c9dc5;
  for (const letter of text) value = Math.imul(value ^ letter.codePointAt(0), 0x01000193);
  return (value >>> 0).toString(16);
}

function recall() {
  try {
    const found = JSON.parse(localStorage.getItem(STORE));
    if (found && found.answers.length === items.length) return found;
  } catch { /* the storage is closed to this page, or empty */ }
  return { listener: "", answers: items.map(() => null) };
}

function keep() {
  try {
    localStorage.setItem(STORE, JSON.stringify(kept));
  } catch {
    byId("trouble").textContent = "This browser does not keep answers of this page: save audit.csv before you close it.";
  }
}

function firstOpen() {
  const open = kept.answers.indexOf(null);
  return open < 0 ? items.length : open;
}

/** Show the item at the place, or the end. */
function show() {
  const answered = kept.answers.filter((answer) => answer !== null).length, over = at === items.length;
  byId("progress").max = items.length;
  byId("progress").value = answered;
  byId("place").textContent = over ? `${answered} of ${items.length} labelled` : `Recording ${at + 1} of ${items.length}`;
  byId("done").hidden = !over;
  byId("answers").hidden = over;
  byId("play").disabled = over;
  byId("back").disabled = at === 0;
  for (const button of byId("answers").children)
    button.setAttribute("aria-pressed", String(!over && kept.answers[at] === button.value));
  audio.pause();
  if (over) return;
  const item = items[at];
  audio.src = item.audio;
  byId("name").hidden = !data.names;
  byId("name").textContent = item.file + (item.start && ` ${item.start} – ${item.end} s`);
}

function play() {
  if (at === items.length) return;
  audio.currentTime = 0;
  audio.play().catch(() => {}); // a browser may want a key or a click first
}

function answer(value) {
  if (at === items.length) return;
  kept.answers[at] = value;
  keep();
  at = at + 1 < items.length && kept.answers[at + 1] === null ? at + 1 : firstOpen();
  show();
  play();
}

function back() {
  if (at === 0) return;
  at -= 1;
  show();
  play();
}

/** A cell of a CSV table. */
function cell(text) {
  return /[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function save() {
  const rows = items.flatMap((item, i) => kept.answers[i] === null ? []
    : [[item.file, item.start, item.end, kept.answers[i], kept.listener, item.probability]]);
  const text = [data.columns, ...rows].map((row) => row.map(cell).join(",") + "\n").join("");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = "audit.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function clearAll() {
  if (!confirm("Delete all answers of this page?")) return;
  kept.answers.fill(null);
  keep();
  at = 0;
  show();
}

for (const { key, value, text } of ANSWERS) {
  const button = document.createElement("button"), name = document.createElement("kbd");
  name.textContent = key;
  button.type = "button";
  button.value = value;
  button.append(name, text);
  button.addEventListener("click", () => answer(value));
  byId("answers").append(button);
}
byId("about").textContent = `${items.length} recordings of ${data.title}. Listen, and choose what you hear in the voice, `
  + "not in the words. What the model said is not shown.";
byId("play").addEventListener("click", play);
byId("back").addEventListener("click", back);
byId("save").addEventListener("click", save);
byId("clear").addEventListener("click", clearAll);
byId("listener").value = kept.listener;
byId("listener").addEventListener("input", (event) => {
  kept.listener = event.target.value.trim();
  keep();
});
audio.addEventListener("error", () => {
  byId("trouble").textContent = "The browser cannot play this recording.";
});
audio.addEventListener("loadeddata", () => {
  byId("trouble").textContent = "";
});

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || event.target.id === "listener") return;
  const chosen = ANSWERS.find(({ key }) => key === event.key.toLowerCase());
  // Space on a button other than play presses that button, as everywhere
  const onButton = event.target.tagName === "BUTTON" && event.target.id !== "play";
  if (chosen) answer(chosen.value);
  else if (event.key === "Backspace") back();
  else if (event.key === " " && !onButton) play();
  else return;
  event.preventDefault();
});

show();
