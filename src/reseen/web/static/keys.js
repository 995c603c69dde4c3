/* The keyboard of the review pages. Everything it does can be done without it.

   What is on the page says what a key does:
   data-key="n"    that key presses this link or button, or goes to this field
   data-row        one row of a list: j and k go through the links marked data-open in them
   data-tick       the box of a row: y ticks it, data-tick-all ticks all of them
   data-help       presses open the list of keys, the <dialog id="keys">
   A key does nothing while somebody types, and none is taken together with Ctrl, Alt or Meta. */
"use strict";

(() => {
  /* A box takes no text: keys go on working while it has the focus. */
  const typing = (element) =>
    element instanceof HTMLElement &&
    (element.isContentEditable ||
      element.matches("select, textarea, input:not([type=checkbox], [type=radio], [type=submit])"));

  const shown = (element) => element.getClientRects().length > 0;

  const help = () => document.getElementById("keys");

  const openHelp = () => {
    const dialog = help();
    if (dialog && !dialog.open) dialog.showModal();
  };

  /* A closed <details> around a target is opened first. */
  const reach = (element) => {
    for (let at = element.closest("details"); at; at = at.parentElement.closest("details")) {
      at.open = true;
    }
    return element;
  };

  const press = (element) => {
    reach(element);
    if (element.matches("input, select, textarea, [data-focus]")) {
      element.focus();
      if (element instanceof HTMLInputElement) element.select();
      element.scrollIntoView({ block: "nearest" });
    } else {
      element.click();
    }
  };

  const links = () =>
    [...document.querySelectorAll("[data-row] [data-open]")].filter((link) => shown(link));

  const step = (by) => {
    const all = links();
    if (!all.length) return false;
    const row = document.activeElement && document.activeElement.closest("[data-row]");
    const at = row ? all.indexOf(row.querySelector("[data-open]")) : -1;
    const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by;
    const link = all[Math.min(Math.max(next, 0), all.length - 1)];
    link.focus();
    link.closest("[data-row]").scrollIntoView({ block: "nearest" });
    return true;
  };

  const openRow = () => {
    const row = document.activeElement && document.activeElement.closest("[data-row]");
    const link = row && row.querySelector("[data-open]");
    if (link) link.click();
    return Boolean(link);
  };

  const tickRow = () => {
    const row = document.activeElement && document.activeElement.closest("[data-row]");
    const box = row && row.querySelector("[data-tick]");
    if (box) box.checked = !box.checked;
    return Boolean(box);
  };

  /* The button that sends what stands in a field: the nearest one. Where there are several that do
     different things, none: no key chooses between verdicts. */
  const sender = (field) => {
    for (let at = field.parentElement; at; at = at === field.form ? null : at.parentElement) {
      const near = [...at.querySelectorAll("button, input[type=submit]")].filter(
        (button) => button.form === field.form && button.type === "submit" && !button.matches(":disabled")
      );
      if (near.length) {
        return near.every((button) => button.formAction === near[0].formAction) ? near[0] : null;
      }
    }
    return null;
  };

  const send = (field) => {
    const button = sender(field);
    if (button) field.form.requestSubmit(button);
  };

  const act = (key) => {
    if (key === "?") return openHelp(), true;
    if (key === "j" || key === "k") return step(key === "j" ? 1 : -1);
    if (key === "o") return openRow();
    if (key === "y") return tickRow();
    const named = [...document.querySelectorAll("[data-key]")].find(
      (element) => element.dataset.key === key && !element.disabled
    );
    if (!named) return false;
    press(named);
    return true;
  };

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const field = event.target;
    if (event.ctrlKey || event.metaKey) {
      /* Ctrl+Enter sends the form that somebody types in. */
      if (event.key === "Enter" && typing(field) && field.form && !event.altKey) {
        event.preventDefault();
        send(field);
      }
      return;
    }
    if (event.altKey || (help() && help().open)) return;
    if (typing(field)) {
      if (event.key === "Escape") {
        field.blur();
        event.preventDefault();
      } else if (event.key === "Enter" && field.matches("select") && field.form) {
        event.preventDefault();
        send(field);
      }
      return;
    }
    /* Browsers would press the form's first button. */
    const box = field instanceof Element && field.matches("[data-tick], [data-tick-all]");
    if ((box && event.key === "Enter") || act(event.key)) event.preventDefault();
  });

  document.addEventListener("click", (event) => {
    const pressed = event.target instanceof Element && event.target.closest("[data-help], [data-copy]");
    if (!pressed) return;
    if (pressed.matches("[data-help]")) {
      if (!help()) return;
      event.preventDefault();
      openHelp();
    } else if (navigator.clipboard) {
      const place = document.getElementById(pressed.dataset.copy);
      if (place) {
        navigator.clipboard.writeText(place.dataset.text || place.textContent.trim()).then(() => {
          pressed.textContent = pressed.dataset.copied;
        }, () => {});
      }
    }
  });

  document.addEventListener("change", (event) => {
    if (!(event.target instanceof Element) || !event.target.matches("[data-tick-all]")) return;
    document.querySelectorAll("[data-tick]").forEach((box) => { box.checked = event.target.checked; });
  });

  /* A form is sent once, however often its button is pressed; but for one that stays (data-again). */
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || "again" in form.dataset) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) {
      document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
    }
  });
})();
