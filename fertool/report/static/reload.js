// Served pages only: asks whether the report was rendered again, and shows it where the reader was.
"use strict";
(() => {
  const mine = document.currentScript.dataset.version;
  const ask = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch("/-/version", { cache: "no-store" });
      if (answer.ok && (await answer.text()) !== mine) location.reload();
    } catch {
      // The server was stopped: what is on the screen stays.
    }
  };
  setInterval(ask, 2000);
  document.addEventListener("visibilitychange", ask);
})();
