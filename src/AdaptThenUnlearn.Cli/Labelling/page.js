"use strict";
// Shows one page of images at a time. The server chooses the images of a page when it is first asked for.
// Every label is sent to the server at once, in order, and is reverted if it cannot be saved.
const ENOUGH = 200;  // labels that fill the bar
const SMALL = 160;   // images below this size in pixels are shown without smoothing
const by = id => document.getElementById(id);
const undoable = [];
let state = { feature: "", images: 0, pageSize: 1, order: [], labels: {}, test: { with: 0, without: 0 } };
let current = 0;   // a place in the order of the images
let saving = Promise.resolve();
let acting = Promise.resolve();

const pages = () => Math.max(1, Math.ceil(state.images / state.pageSize));
const pageOf = place => Math.floor(place / state.pageSize);
const onPage = page => state.order.slice(page * state.pageSize, (page + 1) * state.pageSize);
const numberOf = image => state.order.indexOf(image) + 1;
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
  button.setAttribute("aria-label", `Image ${numberOf(image)}: ${meaning(image)}`);
  button.tabIndex = image === state.order[current] ? 0 : -1;
}

function showCounts() {
  const shows = counted(true), free = counted(false);
  by("with").textContent = shows;
  by("without").textContent = free;
  by("tested").textContent = `${state.test.with} of ${state.test.with + state.test.without}`;
  by("labelled").max = state.audit ? state.images : Math.min(ENOUGH, state.images);
  by("labelled").value = shows + free;
  by("undo").disabled = undoable.length === 0;
  if (state.audit) {
    const open = state.images - shows - free;
    by("advice").textContent = open > 0 ? `${open} of ${state.images} images have no answer yet.` : "Every image has an answer. Press Done.";
    by("done").classList.toggle("strong", open === 0);
    return;
  }
  // A threshold is chosen by the images that are no test.
  const [enough, more] = state.calibrated ? [state.calibrated.learning, "more outside the test"] : [{ with: shows, without: free }, "more"];
  const missing = [[enough.with, "that show it"], [enough.without, "that do not"]].filter(([count]) => count < state.fewest).map(([count, which]) => `${state.fewest - count} ${more} ${which}`);
  const goal = state.calibrated ? "choose the threshold" : "train";
  by("advice").textContent = missing.length ? `To ${goal}: ${missing.join(" and ")}.` : `There are enough labels to ${goal}; 50 to 200 are a good number. The more test images show it, the surer the result.`;
  by("train").classList.toggle("strong", missing.length === 0);
}

function showPage() {
  const page = pageOf(current);
  by("page").textContent = `Page ${page + 1}`;
  by("previous").disabled = page === 0;
  by("next").disabled = page === pages() - 1;
  by("images").setAttribute("aria-label", `Generated images, page ${page + 1}`);
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

// Asks for the next page once all labels are saved, because they decide what it shows.
async function showMore() {
  await saving;
  state.order = (await ask("next", { shown: state.order.length })).order;
}

async function go(place) {
  const before = current;
  const wanted = Math.max(0, Math.min(state.images - 1, place));
  if (wanted >= state.order.length)
    await showMore();
  current = Math.min(wanted, state.order.length - 1);
  if (pageOf(before) !== pageOf(current))
    showPage();
  else
    [before, current].forEach(shown => showImage(state.order[shown]));
  focusImage();
}

const focusImage = () => buttonOf(state.order[current])?.focus();
const goToPage = page => page >= 0 && page < pages() ? go(page * state.pageSize) : null;

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
    .then(({ test, calibrated }) => {
      [state.test, state.calibrated] = [test, calibrated];
      showCounts();
      showProblem(null);
    }, failed => {
      put(before);
      showProblem(`Not saved: ${reason(failed)}`);
    });
}

function mark(image, label) {
  const wanted = labelOf(image) === label ? null : label;
  change([[image, wanted]], `Image ${numberOf(image)}: ${wanted === null ? "no label" : wanted ? `shows ${state.feature}` : `does not show ${state.feature}`}`);
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
  if (state.audit)
    return;
  try {
    await saving;
    await ask("train", {});
    showProblem(null);
    announce(state.calibrated ? "Choosing the threshold." : "Training the classifier.");
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
const unbroken = text => text.replaceAll(" %", "\u00a0%");
const percent = share => `${(100 * share).toFixed(1)} %`;

function showResult(result) {
  by("trained").hidden = false;
  by("threshold").textContent = result.threshold ?? "";
  by("rate").textContent = percent(result.rate);
  by("found").textContent = `${result.with - result.missed} of ${result.with}`;
  by("found-interval").textContent = unbroken(interval(result.found));
  by("alarms").textContent = `${result.falseAlarms} of ${result.without}`;
  by("alarms-interval").textContent = unbroken(interval(result.alarms));
  by("always-no").textContent = unbroken(`always answering no: ${percent(result.with / Math.max(1, result.with + result.without))}`);
  by("doubt").hidden = !result.doubt;
  by("doubt").textContent = result.doubt ?? "";
  by("file").textContent = result.classifier;
  by("policy").textContent = result.policy;
  by("policy-folder").textContent = result.policyFolder;
  announce(`${state.calibrated ? `Chosen: the threshold ${result.threshold}.` : "Trained."} Finds ${result.with - result.missed} of ${result.with} (${interval(result.found)}), ${result.falseAlarms} of ${result.without} false alarms, held-out error ${percent(result.rate)}. ${result.doubt ?? ""}`);
}

async function done() {
  try {
    await saving;
    if (by("train").disabled)
      announce(state.calibrated ? "The session ends when the threshold is chosen." : "The session ends when the classifier is trained.");
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
  Home: () => go(pageOf(current) * state.pageSize),
  End: () => go(pageOf(current) * state.pageSize + onPage(pageOf(current)).length - 1),
  PageDown: () => goToPage(pageOf(current) + 1),
  PageUp: () => goToPage(pageOf(current) - 1),
  n: () => mark(state.order[current], false),
  r: rest,
  u: undo,
  t: () => { train(); },   // the keys go on while it trains
  "?": () => by("help").showModal(),
};

// Does one thing after the other: a key may come while the next page is asked for.
function act(action) {
  acting = acting.then(action).then(null, failed => showProblem(reason(failed)));
}

const isOnImage = event => event.target === document.body || by("images").contains(event.target);
const marks = event => event.key === " " || event.key === "Enter";

// Shortcuts work wherever the focus is. Space and Enter belong to a button that has it; a text that scrolls keeps its arrows.
document.addEventListener("keydown", event => {
  const handled = marks(event) ? isOnImage(event) && (() => mark(state.order[current], true)) : keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!handled || event.ctrlKey || event.altKey || event.metaKey || by("help").open || (event.key.length > 1 && event.target === by("policy")))
    return;
  event.preventDefault();
  if (!event.repeat || !marks(event))
    act(handled);
});

// Some browsers click a button when Space is released.
document.addEventListener("keyup", event => {
  if (marks(event) && isOnImage(event))
    event.preventDefault();
});

by("images").addEventListener("click", event => {
  const button = event.target.closest("[data-image]");
  if (!button)
    return;
  const image = Number(button.dataset.image);
  act(async () => {
    await go(state.order.indexOf(image));
    mark(image, true);
  });
});

// After a click with the mouse the focus goes back to the image, so that Space marks it. Whoever pressed a button by key stays there.
for (const [button, action] of [["previous", keys.PageUp], ["next", keys.PageDown], ["rest", rest], ["undo", undo], ["train", keys.t], ["help-open", keys["?"]]])
  by(button).addEventListener("click", event => {
    if (event.detail > 0)
      buttonOf(state.order[current])?.focus({ preventScroll: true });
    act(action);
  });
by("done").addEventListener("click", done);

(async () => {
  try {
    state = await ask("state");
    by("feature").textContent = state.feature;
    const parts = { auditing: state.audit, training: !state.audit, heads: !state.audit && !state.calibrated, thresholds: Boolean(state.calibrated) };
    for (const [part, shown] of Object.entries(parts))
      document.querySelectorAll(`.${part}`).forEach(element => { element.hidden = !shown; });
    by("calibrated").textContent = state.calibrated?.classifier ?? "";
    by("class").textContent = state.calibrated?.class ?? "";
    document.title = `${state.feature} – atu label`;
    const open = state.order.findIndex(image => labelOf(image) === null);
    current = Math.max(0, open);
    showPage();
    showCounts();
    await go(open < 0 ? state.order.length : open);   // continue at the first image without a label
    await watch();
  } catch (failed) {
    showProblem(reason(failed));
  }
})();
