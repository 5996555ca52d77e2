"use strict";
(() => {
  const specifications = JSON.parse(document.getElementById("specifications").textContent);

  // A narrow column leaves less room for the names of rows and one column for the legend.
  const fitted = (specification, width) => {
    const config = structuredClone(specification.config);
    config.axis.labelLimit = Math.max(100, 0.42 * width);
    config.legend.columns = width < 420 ? 1 : 2;
    const fit = { ...specification, config };
    const wraps = (specification.params ?? []).some((param) => param.name === "wrap");
    if (wraps && width < 560) {
      fit.height = 1.6 * specification.height;
      fit.params = specification.params.map(
        (param) => param.name === "wrap" ? { ...param, value: Math.round(0.065 * width) } : param,
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
