"use strict";
(() => {
  const specifications = JSON.parse(document.getElementById("specifications").textContent);

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

  const draw = (place, specification) =>
    vegaEmbed(place, fitted(specification, place.clientWidth), {
      actions: false,
      ast: true, // expressions are interpreted: the page forbids evaluating code
      renderer: "svg",
      tooltip: { theme: "custom" },
    });

  const drawn = Object.entries(specifications).map(([id, specification]) => {
    const place = document.getElementById(id);
    place.replaceChildren();
    return draw(place, specification);
  });
  Promise.all(drawn).then(
    () => { document.documentElement.dataset.drawn = "yes"; },
    (error) => { console.error(error); },
  );

  // On paper everything is open; afterwards all is as the reader left it.
  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach((details) => { details.open = true; });
  });
  window.addEventListener("afterprint", () => {
    closed.forEach((details) => { details.open = false; });
  });

  if (!window.matchMedia("(min-width: 70rem)").matches) {
    document.querySelector("nav details").open = false;
  }
})();
