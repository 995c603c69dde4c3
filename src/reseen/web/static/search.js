/* The search box of every page. Everything it does can be done without it: the form is sent then
   as forms are.

   "/" goes to the box. What it finds takes the place of the page's content and is no page of its
   own: so what was typed comes into no history of the browser, and Back leads where one was. */
"use strict";

(() => {
  const form = document.getElementById("search");
  if (!form) return;
  const box = form.elements.for;

  document.addEventListener("keydown", (event) => {
    const at = event.target;
    const typing =
      at instanceof HTMLElement &&
      (at.isContentEditable || at.matches("input:not([type=checkbox], [type=radio]), select, textarea"));
    if (event.key !== "/" || event.defaultPrevented || event.isComposing || typing) return;
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    box.focus();
    box.select();
  });

  /* Refusals are shown too. */
  const ours = (event) => event.detail.requestConfig && event.detail.requestConfig.elt === form;
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (ours(event)) event.detail.shouldSwap = true;
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (ours(event)) {
      box.value = "";
      document.getElementById("main").focus();
      window.scrollTo(0, 0);
    }
  });
})();
