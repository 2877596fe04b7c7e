// What scripts add to pages that work without them: copying, searching while typing, keys, tips on plots, the reader's
// own time. Nothing here is needed.
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const make = (name, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };
  const said = $("#said");
  const say = (text) => { said.textContent = text; };

  // Moments in the reader's time.
  const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const localize = (root) => {
    for (const time of $$("time[datetime]", root)) {
      time.title = time.textContent;
      time.textContent = moment.format(new Date(time.dateTime));
    }
  };

  // Copying needs a secure context; without one the buttons stay away.
  const reveal = (root) => {
    if (!navigator.clipboard) return;
    for (const button of $$("button[data-copy]", root)) button.hidden = false;
  };
  const copy = async (button) => {
    const before = button.textContent;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
      say(`Copied ${button.dataset.copy}`);
    } catch {
      button.textContent = "Not copied";
      say("The browser did not allow copying");
    }
    setTimeout(() => { button.textContent = before; }, 1500);
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-copy]");
    if (button) copy(button);
  });

  // A question before what cannot be undone.
  const ask = (question) => new Promise((resolve) => {
    const no = make("button", { type: "submit", value: "no", textContent: "Keep it", autofocus: true });
    const yes = make("button", { type: "submit", value: "yes", className: "danger", textContent: "Delete" });
    const title = make("h2", { id: "ask-title", textContent: "Are you sure?" });
    const form = make("form", { method: "dialog" },
      title, make("p", { textContent: question }), make("div", { className: "buttons" }, no, yes));
    const dialog = make("dialog", { id: "ask" }, form);
    dialog.setAttribute("aria-labelledby", "ask-title");
    dialog.addEventListener("close", () => { resolve(dialog.returnValue === "yes"); dialog.remove(); });
    document.body.append(dialog);
    dialog.showModal();
  });
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.method === "dialog" || form.classList.contains("search")) return;
    if (form.dataset.confirm && !form.dataset.confirmed) {
      event.preventDefault();
      if (await ask(form.dataset.confirm)) {
        form.dataset.confirmed = "yes";
        form.requestSubmit();
      }
      return;
    }
    // Twice is once.
    const button = event.submitter;
    if (button) setTimeout(() => { button.setAttribute("aria-busy", "true"); });
  });
  window.addEventListener("pageshow", () => {
    for (const button of $$("[aria-busy]")) button.removeAttribute("aria-busy");
  });

  // Searching while typing: the page's own list, asked for anew.
  const search = $("#search");
  let asked = 0;
  let waiting;
  const find = async () => {
    const turn = ++asked;
    const query = search.value.trim();
    const address = query ? `/?q=${encodeURIComponent(query)}` : "/";
    const answer = await fetch(address, { headers: { accept: "text/html" } });
    if (turn !== asked || !answer.ok) return;
    const list = $("#links", new DOMParser().parseFromString(await answer.text(), "text/html"));
    if (!list || turn !== asked) return;
    $("#links").replaceWith(list);
    prepare(list);
    history.replaceState(null, "", address);
    const found = $$("li", list).length;
    say(found === 1 ? "1 link" : `${found} links`);
  };
  if (search && $("#links")) {
    search.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => find().catch(() => {}), 150);
    });
  }

  // Tips on plots.
  for (const chart of $$(".chart")) {
    const tip = make("span", { className: "tip", hidden: true });
    tip.setAttribute("aria-hidden", "true");
    chart.append(tip);
    for (const title of $$(".bar title", chart)) title.remove();
    chart.addEventListener("pointermove", (event) => {
      const bar = event.target.closest(".bar");
      tip.hidden = !bar;
      if (!bar) return;
      tip.textContent = bar.dataset.label;
      const frame = chart.getBoundingClientRect();
      const fill = $(".fill", bar).getBoundingClientRect();
      const half = tip.offsetWidth / 2;
      const middle = fill.left + fill.width / 2 - frame.left;
      tip.style.left = `${Math.min(Math.max(middle, half), frame.width - half)}px`;
      tip.style.top = `${fill.top - frame.top}px`;
    });
    chart.addEventListener("pointerleave", () => { tip.hidden = true; });
  }

  // Keys.
  const keys = [
    ["/", "Search"], ["n", "New link"], ["j / k", "Next, previous link"], ["Enter", "Open it"],
    ["c", "Copy it"], ["?", "These keys"],
  ];
  const help = () => {
    if ($("#keys")) return;
    const list = make("dl");
    for (const [key, what] of keys) {
      list.append(make("dt", {}, make("kbd", { textContent: key })), make("dd", { textContent: what }));
    }
    const title = make("h2", { id: "keys-title", textContent: "Keys" });
    const close = make("button", { type: "submit", textContent: "Close", autofocus: true });
    const form = make("form", { method: "dialog" }, title, list, make("div", { className: "buttons" }, close));
    const dialog = make("dialog", { id: "keys" }, form);
    dialog.setAttribute("aria-labelledby", "keys-title");
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  };
  const move = (step) => {
    const links = $$(".links .slug");
    if (!links.length) return;
    const at = links.findIndex((link) => link.closest("li").contains(document.activeElement));
    const next = at < 0 ? (step > 0 ? 0 : links.length - 1) : Math.min(Math.max(at + step, 0), links.length - 1);
    links[next].focus();
  };
  const actions = {
    "/": () => search?.focus(),
    n: () => ($("form.new #target") ? $("form.new #target").focus() : location.assign("/")),
    j: () => move(1),
    k: () => move(-1),
    c: () => {
      const button = $("[data-copy]", document.activeElement?.closest("li") ?? $(".link-head") ?? document.createElement("p"));
      if (button && !button.hidden) copy(button);
    },
    "?": help,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Escape" && event.target === search) { search.blur(); return; }
    if (event.target.closest("input, textarea, select, dialog")) return;
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });

  const prepare = (root) => { localize(root); reveal(root); };
  prepare(document);
})();
