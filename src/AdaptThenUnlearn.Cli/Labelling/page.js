"use strict";
// Shows one page of images at a time. Every label is sent to the server at once, in order, and is reverted if it cannot be saved.
const PAGE = 40;
const SMALL = 160;   // images below this size in pixels are shown without smoothing
const by = id => document.getElementById(id);
const undoable = [];
let state = { feature: "", images: 0, labels: {} };
let current = 0;
let saving = Promise.resolve();

const pages = () => Math.max(1, Math.ceil(state.images / PAGE));
const pageOf = image => Math.floor(image / PAGE);
const onPage = page => [...Array(Math.max(0, Math.min(PAGE, state.images - page * PAGE))).keys()].map(place => page * PAGE + place);
const labelOf = image => state.labels[image] ?? null;
const buttonOf = image => by("images").querySelector(`[data-image="${image}"]`);
const counted = shows => Object.values(state.labels).filter(label => label === shows).length;

const meaning = image => {
  const label = labelOf(image);
  return label === null ? "no label" : label ? `shows ${state.feature}` : `does not show ${state.feature}`;
};

const announce = text => { by("status").textContent = text; };

function showProblem(text) {
  by("problem").textContent = text ?? "";
  by("problem").hidden = !text;
}

async function ask(path, body) {
  const options = body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(path, { cache: "no-store", ...options });
  const reply = await answer.json();
  if (!answer.ok)
    throw new Error(reply.problem);
  return reply;
}

const reason = failed => failed instanceof TypeError ? "atu does not answer; is it still running?" : failed.message;

function showImage(image) {
  const button = buttonOf(image);
  if (!button)
    return;
  const label = labelOf(image);
  button.className = label === null ? "" : label ? "shows" : "free";
  button.setAttribute("aria-label", `Image ${image + 1}: ${meaning(image)}`);
  button.tabIndex = image === current ? 0 : -1;
}

function showCounts() {
  const shows = counted(true), free = counted(false);
  by("with").textContent = shows;
  by("without").textContent = free;
  by("left").textContent = state.images - shows - free;
  by("labelled").max = Math.max(1, state.images);
  by("labelled").value = shows + free;
  const missing = [[shows, "that show it"], [free, "that do not"]].filter(([count]) => count < state.fewest).map(([count, which]) => `${state.fewest - count} more ${which}`);
  by("advice").textContent = missing.length ? `To train: ${missing.join(" and ")}.` : "There are enough labels to train; 50 to 200 are a good number.";
  by("undo").disabled = undoable.length === 0;
}

function showPage() {
  const page = pageOf(current);
  by("page").textContent = `Page ${page + 1} of ${pages()}`;
  by("previous").disabled = page === 0;
  by("next").disabled = page === pages() - 1;
  by("images").setAttribute("aria-label", `Generated images, page ${page + 1} of ${pages()}`);
  by("images").replaceChildren(...onPage(page).map(image => {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.image = image;
    const picture = document.createElement("img");
    picture.src = `images/${image}.png`;
    picture.alt = "";
    picture.addEventListener("load", () => picture.classList.toggle("small", picture.naturalWidth < SMALL));
    button.append(picture);
    return button;
  }));
  onPage(page).forEach(showImage);
}

function go(image) {
  const before = current;
  current = Math.max(0, Math.min(state.images - 1, image));
  if (pageOf(before) !== pageOf(current))
    showPage();
  else
    [before, current].forEach(showImage);
  buttonOf(current)?.focus();
}

const goToPage = page => { if (page >= 0 && page < pages()) go(page * PAGE); };

function put(changes) {
  for (const [image, label] of changes) {
    if (label === null)
      delete state.labels[image];
    else
      state.labels[image] = label;
    showImage(image);
  }
  showCounts();
}

function change(changes, description) {
  const before = changes.map(([image]) => [image, labelOf(image)]);
  undoable.push(before);
  save(changes, before, description);
}

function save(changes, before, description) {
  put(changes);
  announce(`${description}. ${counted(true)} show it, ${counted(false)} do not.`);
  saving = saving
    .then(() => ask("labels", { changes: changes.map(([image, shows]) => ({ image, shows })) }))
    .then(() => showProblem(null), failed => {
      put(before);
      showProblem(`Not saved: ${reason(failed)}`);
    });
}

function mark(image, label) {
  const wanted = labelOf(image) === label ? null : label;
  change([[image, wanted]], `Image ${image + 1}: ${wanted === null ? "no label" : wanted ? `shows ${state.feature}` : `does not show ${state.feature}`}`);
}

function rest() {
  const open = onPage(pageOf(current)).filter(image => labelOf(image) === null);
  if (open.length > 0)
    change(open.map(image => [image, false]), `${open.length} images of this page do not show ${state.feature}`);
}

function undo() {
  const last = undoable.pop();
  if (last)
    save(last, last.map(([image]) => [image, labelOf(image)]), "Undone");
}

async function train() {
  try {
    await saving;
    await ask("train", {});
    showProblem(null);
    announce("Training the classifier.");
    await watch();
  } catch (failed) {
    showProblem(reason(failed));
  }
}

async function watch() {
  for (;;) {
    const { training, result, failed } = await ask("state");
    by("result").hidden = !training && !result;
    by("training").hidden = !training;
    by("train").disabled = Boolean(training);
    if (training) {
      by("trained").hidden = true;
      by("training-bar").max = training.steps;
      by("training-bar").value = training.step;
      await new Promise(later => setTimeout(later, 200));
      continue;
    }
    showProblem(failed);
    if (result)
      showResult(result);
    return;
  }
}

const interval = share => `95 % interval ${percent(share.lower)} to ${percent(share.upper)}`;
const percent = share => `${(100 * share).toFixed(1)} %`;

function showResult(result) {
  by("trained").hidden = false;
  by("rate").textContent = percent(result.rate);
  by("found").textContent = percent(result.found.share);
  by("found-interval").textContent = interval(result.found);
  by("missed").textContent = `${result.missed} of ${result.with}`;
  by("alarms").textContent = `${result.falseAlarms} of ${result.without}`;
  by("alarms-interval").textContent = interval(result.alarms);
  by("doubt").hidden = !result.doubt;
  by("doubt").textContent = result.doubt ?? "";
  by("file").textContent = result.classifier;
  by("policy").textContent = result.policy;
  announce(`Trained. Finds ${result.with - result.missed} of ${result.with} (${interval(result.found)}), ${result.falseAlarms} of ${result.without} false alarms, held-out error ${percent(result.rate)}. ${result.doubt ?? ""}`);
}

async function done() {
  try {
    await saving;
    if (by("train").disabled)
      announce("The session ends when the classifier is trained.");
    await ask("done", {});   // the answer comes when training has ended
    const farewell = document.createElement("p");
    farewell.setAttribute("role", "status");
    farewell.tabIndex = -1;
    farewell.textContent = "Done. Everything is saved; you can close this page.";
    document.querySelector("main").replaceChildren(farewell);
    farewell.focus();
  } catch (failed) {
    showProblem(reason(failed));
  }
}

// The number of images in a row of the current layout.
const columns = () => getComputedStyle(by("images")).gridTemplateColumns.split(" ").length;

const keys = {
  ArrowRight: () => go(current + 1),
  ArrowLeft: () => go(current - 1),
  ArrowDown: () => go(current + columns()),
  ArrowUp: () => go(current - columns()),
  Home: () => go(pageOf(current) * PAGE),
  End: () => go(onPage(pageOf(current)).at(-1)),
  PageDown: () => goToPage(pageOf(current) + 1),
  PageUp: () => goToPage(pageOf(current) - 1),
  n: () => mark(current, false),
  r: rest,
  u: undo,
  t: train,
  "?": () => by("help").showModal(),
};

// Handle keys only on the images and when nothing has the focus, so that other controls keep their keys.
document.addEventListener("keydown", event => {
  const target = event.target;
  const handled = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!handled || event.ctrlKey || event.altKey || event.metaKey || by("help").open || !(target === document.body || by("images").contains(target)))
    return;
  event.preventDefault();
  handled();
});

by("images").addEventListener("click", event => {
  const button = event.target.closest("[data-image]");
  if (!button)
    return;
  go(Number(button.dataset.image));
  mark(current, true);
});

by("previous").addEventListener("click", () => goToPage(pageOf(current) - 1));
by("next").addEventListener("click", () => goToPage(pageOf(current) + 1));
by("rest").addEventListener("click", rest);
by("undo").addEventListener("click", undo);
by("train").addEventListener("click", train);
by("done").addEventListener("click", done);
by("help-open").addEventListener("click", () => by("help").showModal());

(async () => {
  try {
    state = await ask("state");
    by("feature").textContent = state.feature;
    document.title = `${state.feature} – atu label`;
    current = [...Array(state.images).keys()].find(image => labelOf(image) === null) ?? 0;   // continue at the first image without a label
    showPage();
    showCounts();
    buttonOf(current)?.focus();
    await watch();
  } catch (failed) {
    showProblem(reason(failed));
  }
})();
