// Makes the status page live: asks for the same page again and takes over what changed, so that the server stays the only renderer.
// Without this file everything can be read and done all the same.
import { Idiomorph } from "./idiomorph.js";

const EVERY_MS = 1000;
/** After this many failures in a row, the page shows a notice. */
const MISSES = 2;

const dialog = document.getElementById("dialog");
const lost = document.getElementById("lost");
let misses = 0;
let lastSeen = new Date();

localise(document);
document.getElementById("notice")?.focus();
forgetNotice();
document.addEventListener("click", (event) => void clicked(event));
document.addEventListener("pointermove", hover);
document.addEventListener("pointerleave", () => hover({ target: null }));
void refresh();

async function refresh() {
  // a hidden page asks for nothing; an open dialog keeps what it is about
  if (!document.hidden) {
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
      if (answer.status === 401) return location.reload(); // the pass ended: the page that asks for the token
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      localise(page);
      take(page);
      document.title = page.title;
      misses = 0;
      lastSeen = new Date();
      lost.hidden = true;
    } catch {
      if (++misses === MISSES) {
        lost.textContent = `The console does not answer. This page is as of ${clockOf(lastSeen)}.`;
        lost.hidden = false;
      }
    }
  }
  setTimeout(() => void refresh(), EVERY_MS);
}

/** Every live region by its id. A page of another kind (an error) has none of them and leaves all as it is. */
function take(page) {
  for (const region of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(region.id);
    if (fresh !== null) morph(region, fresh);
  }
}

/**
 * Makes a region like another one, and keeps what is alike: focus, scrolling and selected text stay. Two things are the reader's own: what is
 * unfolded, and the numbers under the pointer.
 */
function morph(region, fresh) {
  Idiomorph.morph(region, fresh, {
    callbacks: {
      beforeNodeRemoved: (node) => !node.classList?.contains("readout"),
      beforeAttributeUpdated: (name, node) => !(name === "open" && node.localName === "details"),
    },
  });
}

/** The time of day with its zone, or without it. */
function clockOf(at, zone = true) {
  const parts = { hour: "2-digit", minute: "2-digit", second: "2-digit" };
  return at.toLocaleTimeString([], zone ? { ...parts, timeZoneName: "short" } : parts);
}

/** Times in the reader's own zone. */
function localise(page) {
  for (const time of page.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    const today = at.toDateString() === new Date().toDateString();
    const { show } = time.dataset;
    const clock = clockOf(at, show !== "bare");
    const day = at.toLocaleDateString([], { year: "numeric", month: "short", day: "numeric" });
    time.textContent = today || show !== undefined ? clock : `${day}, ${clock}`;
    time.title = at.toISOString();
  }
}

/** A reload is not to show again what was done before. */
function forgetNotice() {
  const url = new URL(location.href);
  if (!url.searchParams.has("notice")) return;
  url.searchParams.delete("notice");
  history.replaceState(null, "", url);
}

async function clicked(event) {
  if (event.target === dialog) return dialog.close(); // its backdrop
  const link = event.target.closest("a[data-ask], a[data-close]");
  if (link === null || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (link.hasAttribute("data-close")) {
    if (!dialog.contains(link)) return;
    event.preventDefault();
    return dialog.close();
  }
  event.preventDefault();
  try {
    const answer = await fetch(link.href, { headers: { accept: "text/html" }, cache: "no-store" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const question = page.getElementById("confirm");
    if (!answer.ok || question === null) throw new Error("no question");
    localise(page);
    dialog.replaceChildren(document.importNode(question, true));
    dialog.showModal();
    dialog.querySelector("input:not([type=hidden]), [data-close]").focus();
  } catch {
    location.assign(link.href); // as a page of its own, which also says what is wrong
  }
}

/** Shows the numbers under the pointer. The same ones are in the table below each chart. */
function hover({ target, clientX }) {
  const canvas = target?.closest?.("[data-chart]");
  for (const old of document.querySelectorAll(".readout")) if (old.parentElement !== canvas) old.remove();
  if (!canvas) return;
  const { from, to, rate, names, points } = JSON.parse(canvas.dataset.chart);
  const box = canvas.getBoundingClientRect();
  const at = from + ((clientX - box.left) / box.width) * (to - from);
  const nearest = points.reduce(
    (best, point) => (!best || Math.abs(point[0] - at) < Math.abs(best[0] - at) ? point : best),
    undefined,
  );
  if (!nearest) return;
  const part = (nearest[0] - from) / (to - from);
  let readout = canvas.querySelector(".readout");
  if (readout === null) {
    readout = document.createElement("div");
    readout.className = "readout";
    readout.setAttribute("aria-hidden", "true");
    readout.append(document.createElement("span"));
    canvas.append(readout);
  }
  readout.style.left = `${(part * 100).toFixed(2)}%`;
  readout.classList.toggle("left", part > 0.6);
  const texts = names.map((name, i) => `${name} ${nearest[i + 1].toLocaleString()}${rate ? "/s" : ""}`);
  readout.firstChild.textContent = [clockOf(new Date(nearest[0])), ...texts].join("\n");
}
