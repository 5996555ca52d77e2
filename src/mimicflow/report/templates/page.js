"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, place = document) => [...place.querySelectorAll(selector)];
  const views = all("main > .level-2");
  const nav = document.querySelector("nav");
  const contents = nav.querySelector("details");
  const wide = window.matchMedia("(min-width: 70rem)");
  const folding = "details:not(.contents)";

  // One chapter at a time: that of the address, else the first.
  let current = views[0];
  const show = (view) => {
    current = view;
    for (const other of views) {
      other.classList.toggle("current", other === view);
      const entry = nav.querySelector(`.contents > ol > li > a[href="#${other.querySelector("h2").id}"]`);
      entry.parentElement.classList.toggle("current", other === view);
      if (other === view) {
        entry.setAttribute("aria-current", "page");
        contents.querySelector("summary span").textContent = `: ${entry.textContent}`;
      } else entry.removeAttribute("aria-current");
    }
  };
  // What was asked for stays in view while charts are drawn and grow, until the reader moves on.
  let named = null;
  for (const kind of ["wheel", "touchmove", "keydown", "pointerdown"]) {
    window.addEventListener(kind, () => { named = null; }, { passive: true });
  }
  const reveal = (place) => {
    show(views.find((view) => view.contains(place)) ?? current);
    for (let part = place; part; part = part.parentElement) {
      if (part.tagName === "DETAILS") part.open = true;
    }
    if (!wide.matches) contents.open = false;
    named = place;
    named.scrollIntoView({ behavior: "instant" });
  };
  const follow = () => {
    const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (place) reveal(place);
    else if (views.length) show(views[0]);
  };
  if (views.length) {
    root.classList.add("js");
    follow();
    window.addEventListener("hashchange", follow);
    document.addEventListener("click", (event) => {
      const link = event.target.closest('a[href^="#"]');
      if (link && link.hash === location.hash) follow(); // else the address changes
    });
  }
  if (!wide.matches) contents.open = false;

  // The search knows which heading each text stands below, and opens what it is folded into.
  const texts = "h2, h3, h4, main p, main li, dt, dd, th, td, caption, figcaption, summary, pre";
  const find = nav.querySelector(".find");
  const [field, status, found] = ["input", "[role=status]", ".found"].map((name) => find.querySelector(name));
  let index;
  const indexed = () => all(texts, document.querySelector("main")).map((element) => ({
    element,
    text: element.textContent.replace(/\s+/g, " ").trim(),
    heading: element.closest("section").querySelector("h2, h3, h4"),
  }));
  const matches = (wanted) => {
    index ??= indexed();
    const first = new Map();
    const order = [...index.filter((entry) => entry.element === entry.heading), ...index];
    for (const entry of order) {
      if (first.size === 30) break;
      if (!first.has(entry.heading) && entry.text.toLowerCase().includes(wanted)) first.set(entry.heading, entry);
    }
    return [...first.values()];
  };
  const entryOf = ({ element, text, heading }, wanted) => {
    const chapter = views.find((view) => view.contains(heading)).querySelector("h2");
    const item = document.createElement("li");
    const link = item.appendChild(document.createElement("a"));
    link.href = `#${heading.id}`;
    const path = chapter === heading ? [heading] : [chapter, heading];
    link.append(path.map((one) => one.textContent).join(": "));
    if (element !== heading) {
      const at = text.toLowerCase().indexOf(wanted);
      const snippet = link.appendChild(document.createElement("span"));
      snippet.textContent = `${at > 30 ? "…" : ""}${text.slice(Math.max(0, at - 30), at + 60)}`;
    }
    link.addEventListener("click", (event) => {
      event.preventDefault();
      history.pushState(null, "", link.hash);
      all(".marked").forEach((one) => one.classList.remove("marked"));
      element.classList.add("marked");
      if (!wide.matches) found.hidden = true;
      reveal(element);
    });
    return item;
  };
  find.hidden = !views.length;
  field.addEventListener("input", () => {
    const wanted = field.value.trim().toLowerCase();
    const entries = wanted.length > 1 ? matches(wanted) : [];
    found.replaceChildren(...entries.map((entry) => entryOf(entry, wanted)));
    found.hidden = !entries.length;
    status.textContent = wanted.length > 1 ? `${entries.length} ${entries.length === 1 ? "place" : "places"} found` : "";
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") found.querySelector("a")?.click();
    if (event.key === "Escape") { field.value = ""; field.dispatchEvent(new Event("input")); }
  });

  // A narrow column leaves less room for the names of rows and one column for the legend.
  const fitted = (specification, width) => {
    const config = structuredClone(specification.config);
    config.axis.labelLimit = Math.max(100, 0.42 * width);
    config.legend.columns = width < 560 ? 1 : 2;
    config.legend.labelLimit = (0.8 * width) / config.legend.columns;
    const fit = { ...specification, config };
    if (specification.usermeta?.longest && width < 640) {
      const wrap = Math.round(0.065 * width); // characters in a line
      const lines = Math.ceil((1.25 * specification.usermeta.longest) / wrap);
      fit.height = specification.usermeta.rows * Math.max(28, 8 + 14 * lines);
      fit.params = specification.params.map(
        (param) => (param.name === "wrap" ? { ...param, value: wrap } : param),
      );
    }
    return fit;
  };

  // A chart is drawn when it comes into view: before, its column has no width.
  const waiting = new Set(all(".chart"));
  let drawing = Promise.resolve();
  let specifications;
  const draw = (place) => {
    if (!waiting.delete(place)) return;
    specifications ??= JSON.parse(document.getElementById("specifications").textContent);
    place.replaceChildren();
    root.dataset.drawn = "no";
    const drawn = vegaEmbed(place, fitted(specifications[place.id], place.clientWidth), {
      actions: false,
      ast: true, // expressions are interpreted: the page forbids evaluating code
      renderer: "svg",
      tooltip: { theme: "custom" },
    });
    drawing = Promise.all([drawing, drawn]).catch((error) => { console.error(error); });
  };
  const settle = () => {
    const last = drawing;
    last.then(() => {
      if (last !== drawing) return;
      root.dataset.drawn = "yes";
      named?.scrollIntoView({ behavior: "instant" });
    });
  };
  window.addEventListener("DOMContentLoaded", () => {
    const watch = new IntersectionObserver((entries) => {
      entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
        watch.unobserve(entry.target);
        draw(entry.target);
      });
      settle();
    }, { rootMargin: "600px" });
    waiting.forEach((place) => watch.observe(place));
    if (!waiting.size) root.dataset.drawn = "yes";
  });

  // On paper everything is there and open; afterwards all is as the reader left it.
  let closed = [];
  window.addEventListener("beforeprint", () => {
    root.classList.remove("js");
    closed = all("details:not([open])");
    closed.forEach((details) => { details.open = true; });
    waiting.forEach(draw);
    settle();
  });
  window.addEventListener("afterprint", () => {
    root.classList.toggle("js", views.length > 0);
    closed.forEach((details) => { details.open = false; });
  });
})();
