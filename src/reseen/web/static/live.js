/* What changes by itself, or without a new page: who has the focus in it keeps it, and a screen reader
   is told what came of it, once. Everything can be done without it.

   data-live       what is said of a part of the page when that part was put in anew
   data-waits      what is said of a form that was sent, until the answer comes
   #live           where it is said: it stays, for what is put in anew is often not read out */
"use strict";

(() => {
  const live = document.getElementById("live");
  if (!live) return;
  const CAN_HAVE_IT = "a[href], button, input, select, textarea, summary, [tabindex]";

  const known = (element) =>
    element.id || element.getAttribute("href") || element.ariaLabel || element.textContent.trim();

  document.addEventListener("submit", (event) => {
    const waits = event.target.querySelector("[data-waits]");
    if (!waits || event.defaultPrevented) return;
    waits.hidden = false;
    live.textContent = waits.textContent;
  });
  window.addEventListener("pageshow", () => {  // a page that was gone back to waits for nothing
    for (const waits of document.querySelectorAll("[data-waits]")) waits.hidden = true;
  });

  let had = null;

  document.addEventListener("htmx:beforeSwap", (event) => {
    const part = event.detail.target, at = document.activeElement;
    had = part.id && part.contains(at) ? { part: part.id, what: known(at) } : null;
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    const part = document.getElementById(event.detail.target.id);
    if (!part) return;
    if (had && had.part === part.id && !part.contains(document.activeElement)) {
      const same = [...part.querySelectorAll(CAN_HAVE_IT)].find((one) => known(one) === had.what);
      if (!same) part.tabIndex = -1;
      (same || part).focus({ preventScroll: true });
    }
    had = null;
    const words = [...part.querySelectorAll("[data-live]")]
      .map((one) => one.textContent.replace(/\s+/g, " ").trim()).join(" ");
    if (words && words !== live.textContent) live.textContent = words;
  });
})();
