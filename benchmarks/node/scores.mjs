// Run Lighthouse on pages. Standard input: {"chrome": path, "pages": [{"name", "url", "cookie"}]}; output: one line of JSON for each page.
import { readFileSync } from "node:fs";
import { launch } from "chrome-launcher";
import lighthouse, { desktopConfig } from "lighthouse";

const { chrome, pages } = JSON.parse(readFileSync(0, "utf8"));
const CATEGORIES = ["performance", "accessibility", "best-practices"];
const browser = await launch({ chromePath: chrome, chromeFlags: ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage"] });
try {
  for (const { name, url, cookie } of pages) {
    const options = {
      port: browser.port,
      onlyCategories: CATEGORIES,
      extraHeaders: cookie ? { Cookie: cookie } : {},
      disableStorageReset: false,
      logLevel: "error",
    };
    const { lhr } = await lighthouse(url, options, desktopConfig);
    const failed = CATEGORIES.flatMap((category) => lhr.categories[category].auditRefs
      .filter(({ id, weight }) => weight > 0 && lhr.audits[id].score !== null && lhr.audits[id].score < 0.9)
      .map(({ id }) => `${id} ${lhr.audits[id].displayValue ?? ""}`.trim()));
    const scores = Object.fromEntries(CATEGORIES.map((each) => [each, Math.round(lhr.categories[each].score * 100)]));
    console.log(JSON.stringify({ name, url: lhr.finalDisplayedUrl, scores, failed, error: lhr.runtimeError?.message ?? "" }));
  }
} finally {
  await browser.kill();
}
