//! Opens the page of a timeline in a real browser, without a network, and works with it by
//! keyboard.

use std::{fs, process::Command};

use kcc_test_support::root;

/// Acts as a reader does, and replaces the page by what it showed.
const READER: &str = r#"
<script>
"use strict";
addEventListener("load", () => requestAnimationFrame(() => requestAnimationFrame(() => {
  const lines = [];
  const count = () => document.getElementById("count").textContent;
  const arrows = () => [...document.querySelectorAll("svg > path")]
    .map((path) => `${path.dataset.from} to ${path.dataset.to}`).join(", ");
  const press = (key) => {
    const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
    document.activeElement.dispatchEvent(event);
    return document.activeElement.querySelector("b").textContent
      + " in " + document.activeElement.closest("section").querySelector("h2").textContent;
  };
  lines.push(count(), arrows());
  document.querySelector("li[tabindex='0']").focus();
  for (const key of ["ArrowRight", "ArrowRight", "ArrowDown", "ArrowUp", "ArrowLeft"]) {
    lines.push(key + ": " + press(key));
  }
  const box = (id) => document.getElementById(id).getBoundingClientRect();
  for (const path of document.querySelectorAll("svg > path")) {
    const { from, to } = path.dataset;
    if (box(from).bottom > box(to).top + 1) lines.push(`${to} is not below ${from}`);
    if (path.getTotalLength() < 10) lines.push(`the arrow from ${from} is too short`);
  }
  document.querySelector("input[value=web]").click();
  lines.push(count(), arrows());
  const outside = performance.getEntriesByType("resource").map((entry) => entry.name);
  if (outside.length) lines.push("loads " + outside.join(" "));
  document.body.innerHTML = "<pre>" + lines.join("\n") + "\n</pre>";
})));
</script>
"#;

const EXPECTED: &str = "\
10 events shown
e0-0 to e1-0, e0-1 to e1-1, e1-0 to e3-0, e1-1 to e4-0
ArrowRight: Pod web-1 in default-scheduler
ArrowRight: Pod web-1 in node-1
ArrowDown: Pod web-1 in node-1
ArrowUp: Pod web-1 in node-1
ArrowLeft: Pod web-1 in default-scheduler
5 events shown
e0-1 to e1-1, e1-1 to e4-0
";

/// Checks the page, if there is a browser.
#[expect(clippy::print_stderr, reason = "whoever runs it has to know")]
pub(crate) fn reads_the_page() -> Result<(), String> {
    let page = root().join("tests/pages/timeline.html");
    let page = fs::read_to_string(page).map_err(|error| error.to_string())?;
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = directory.path().join("page.html");
    let read = page.replace("</html>", &format!("{READER}</html>"));
    fs::write(&file, read).map_err(|error| error.to_string())?;
    let profile = format!("--user-data-dir={}", directory.path().join("p").display());
    let mut browser = Command::new("chromium");
    browser
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
        ])
        .args([&profile, "--virtual-time-budget=5000", "--dump-dom"])
        .arg(format!("file://{}", file.display()));
    let mut shown = String::new();
    // On a busy machine the browser may end before it has drawn the page.
    for _ in 0..10 {
        let Ok(output) = browser.output() else {
            eprintln!("SKIPPED: the page of a timeline. It needs `chromium`.");
            return Ok(());
        };
        let page = String::from_utf8_lossy(&output.stdout);
        let text = page
            .split_once("<pre>")
            .and_then(|(_, rest)| rest.split_once("</pre>"));
        if let Some((text, _)) = text
            && !page.contains("<script>")
        {
            text.clone_into(&mut shown);
            break;
        }
    }
    if shown == EXPECTED {
        Ok(())
    } else {
        Err(format!("expected:\n{EXPECTED}\nshown:\n{shown}"))
    }
}
