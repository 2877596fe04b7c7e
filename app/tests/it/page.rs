//! The pages, in a real browser: with scripts, without them, from the keyboard, in the dark, on a phone.
//!
//! Pictures of all of them are kept in `target/tmp/pages`.

use serde_json::{Value, json};

use crate::access::make_key;
use crate::support::browser::Browser;
use crate::support::eventually;
use crate::support::postgres::Postgres;
use crate::support::process::Links;

#[test]
fn a_person_makes_finds_changes_and_deletes_links() {
    let (postgres, links, browser) = start(&[]);
    let home = format!("http://{}", links.address());
    browser.open(&home);
    browser.picture("empty");
    assert_eq!(
        browser.text("#links .empty"),
        "There are no links yet. Make the first one above."
    );

    browser.fill("#target", "https://example.org/a/long/way?to=go");
    browser.fill("#slug", "first");
    browser.click("summary");
    browser.fill("#note", "For the spring campaign");
    browser.click("form.new .primary");
    assert_eq!(browser.text(".notice"), "The link is made.");
    assert!(browser.url().ends_with("/links/first?made"));
    assert_accessible(&browser);

    // What is wrong is said at the field, and what was written is still there.
    browser.open(&home);
    browser.fill("#target", "https://example.org/");
    browser.fill("#slug", "first");
    browser.click("form.new .primary");
    assert_eq!(browser.text("#slug-error"), "Short name is taken.");
    assert_eq!(
        browser.run("return document.querySelector('#target').value"),
        "https://example.org/"
    );
    assert_eq!(
        browser.run("return document.querySelector('#slug').getAttribute('aria-describedby')"),
        "slug-error"
    );

    fill(&postgres);
    browser.open(&home);
    browser.picture("list");
    assert_accessible(&browser);
    assert_eq!(browser.find_all(".links li").len(), 25);
    browser.click("a[rel=next]");
    eventually("the second page", || {
        let found = browser.find_all(".links li").len();
        if browser.url().contains("cursor=") && found == 6 {
            Ok(())
        } else {
            Err(format!("{found}"))
        }
    });

    // While typing.
    browser.open(&home);
    browser.press("/");
    browser.press("campaign");
    eventually("the search", || match browser.find_all(".links li").len() {
        1 => Ok(()),
        other => Err(other.to_string()),
    });
    assert!(browser.url().ends_with("/?q=campaign"));
    assert_eq!(browser.text("#links-title"), "Found for “campaign”");
    assert_eq!(
        browser.run("return document.querySelector('#said').textContent"),
        "1 link"
    );

    // From the keyboard alone: out of the field, to the link, into it.
    browser.press("\u{e00c}j");
    assert_eq!(
        browser.run("return document.activeElement.textContent"),
        "first"
    );
    browser.press("\u{e007}");
    eventually("the link's page", || {
        let url = browser.url();
        if url.ends_with("/links/first") {
            Ok(())
        } else {
            Err(url)
        }
    });
    browser.press("?");
    assert!(browser.text("#keys").contains("Search"));
    browser.press("\u{e00c}");

    browser.picture("link");
    browser.fill("#target", "https://example.org/elsewhere");
    browser.click("input[name=enabled]");
    browser.click("form .primary[type=submit]");
    assert_eq!(browser.text(".notice"), "Saved.");
    assert_eq!(browser.text(".link-head .badge"), "off");
    assert_eq!(links.client().get("/first").status, 410);

    // Two who edit: the second is told.
    postgres.sql(
        "links",
        "update links set version = nextval('link_versions') where slug = 'first'",
    );
    browser.click("input[name=enabled]");
    browser.click("form .primary[type=submit]");
    assert!(
        browser
            .text(".notice.bad")
            .contains("someone else changed this link")
    );

    browser.click("button.danger");
    browser.find("#ask");
    browser.picture("question");
    browser.click("#ask button[value=no]");
    assert_eq!(links.client().get("/api/links/first").status, 200);
    browser.click("button.danger");
    browser.click("#ask button[value=yes]");
    eventually("the end of the link", || {
        match links.client().get("/api/links/first").status {
            404 => Ok(()),
            other => Err(other.to_string()),
        }
    });
    let log = browser.run("return window.failures ?? []");
    assert_eq!(log, json!([]));
}

#[test]
fn everything_works_without_scripts() {
    let (postgres, links, browser) = start(&[]);
    browser.devtools(
        "Emulation.setScriptExecutionDisabled",
        &json!({ "value": true }),
    );
    let home = format!("http://{}", links.address());
    browser.open(&home);
    browser.fill("#target", "https://example.org/plain");
    browser.fill("#slug", "plain");
    browser.click("form.new .primary");
    assert_eq!(browser.text(".notice"), "The link is made.");
    fill(&postgres);
    browser.open(&home);
    browser.fill("#search", "plain\u{e007}");
    eventually("the search", || match browser.find_all(".links li").len() {
        1 => Ok(()),
        other => Err(other.to_string()),
    });
    browser.click(".slug");
    browser.fill("#target", "https://example.org/plainer");
    browser.click("form .primary[type=submit]");
    assert_eq!(browser.text(".notice"), "Saved.");
    assert_eq!(
        links.client().get("/plain").header("location"),
        "https://example.org/plainer"
    );
    browser.click("button.danger");
    assert_eq!(browser.text("#links-title"), "Links");
    assert_eq!(links.client().get("/plain").status, 404);
    browser.open(&format!("{home}/nothing-here"));
    assert_eq!(browser.text("h1"), "Not Found");
    browser.picture("missing");
    browser.open(&format!("{home}/docs"));
    assert!(browser.find_all(".operation").len() >= 9);
    browser.picture("docs");
}

#[test]
fn pages_suit_the_dark_and_the_phone() {
    let (postgres, links, browser) = start(&[]);
    fill(&postgres);
    let home = format!("http://{}", links.address());
    let pages = [
        ("list", home.clone()),
        ("link", format!("{home}/links/s30")),
        ("docs", format!("{home}/docs")),
    ];
    for scheme in ["dark", "light"] {
        let feature = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        browser.devtools(
            "Emulation.setEmulatedMedia",
            &json!({ "features": feature }),
        );
        for (name, url) in &pages {
            browser.open(url);
            assert_readable(&browser);
            browser.picture(&format!("{name}-{scheme}"));
        }
    }
    let phone = json!({ "width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": true });
    browser.devtools("Emulation.setDeviceMetricsOverride", &phone);
    for (name, url) in &pages {
        browser.open(url);
        let wide = browser.run("return document.documentElement.scrollWidth - window.innerWidth");
        assert!(wide.as_i64() <= Some(0), "{name} is {wide} pixels too wide");
        browser.picture(&format!("{name}-phone"));
    }
}

#[test]
fn who_has_a_key_signs_in() {
    let postgres = Postgres::start();
    let url = postgres.url();
    let vars = [("DATABASE_URL", url.as_str()), ("ACCESS", "keys")];
    let reader = make_key(&vars, &["--scope", "links:read"]);
    let (links, _) = Links::ready(&vars);
    let browser = Browser::start();
    browser.open(&format!("http://{}", links.address()));
    browser.fill("#key", "lk_nonsense");
    browser.click(".primary");
    assert_eq!(browser.text("#key-error"), "This is no valid key.");
    browser.picture("sign-in");
    browser.fill("#key", &reader);
    browser.click(".primary");
    assert_eq!(browser.text("#links-title"), "Links");
    // This key may read only, and the cookie is not for scripts.
    assert!(browser.find_all("form.new").is_empty());
    assert_eq!(browser.run("return document.cookie"), "");
    browser.click("nav button");
    assert_eq!(browser.text("h1"), "Sign in");
}

fn start(vars: &[(&str, &str)]) -> (Postgres, Links, Browser) {
    let postgres = Postgres::start();
    let url = postgres.url();
    let all = [&[("DATABASE_URL", url.as_str())], vars].concat();
    let (links, _) = Links::ready(&all);
    (postgres, links, Browser::start())
}

/// Thirty links and some weeks of clicks.
fn fill(postgres: &Postgres) {
    postgres.sql(
        "links",
        "insert into links (slug, target, note, created_at, enabled, expires_at) select 's' || n, \
         'https://example.org/articles/' || n || '?source=letter', \
         case n % 3 when 0 then 'Letter of week ' || n else '' end, now() - interval '1 hour' * (31 - n), \
         n % 11 > 0, case when n % 13 = 0 then now() - interval '1 day' end from generate_series(1, 30) n",
    );
    postgres.sql(
        "links",
        "insert into clicks_hourly select 's' || n, date_trunc('hour', now()) - interval '1 hour' * h, \
         1 + (n * 7 + h * h * 13 + (h % 24) * 5) % 40 from generate_series(1, 30) n, generate_series(0, 700, 2) h \
         where (n + h) % 5 > 0 and n % 4 <> 1",
    );
    postgres.sql(
        "links",
        "insert into clicks_referrers select 's30', current_date, r, c from (values ('news.example', 412), \
         ('', 230), ('mail.example', 96), ('search.example', 40)) v (r, c)",
    );
    postgres.sql(
        "links",
        "insert into clicks_agents select 's30', current_date, r, c from (values ('Chrome', 390), ('Safari', 240), \
         ('Firefox', 101), ('Bots', 47)) v (r, c)",
    );
}

/// Whatever can be used has a name that a screen reader says.
fn assert_accessible(browser: &Browser) {
    let tree = browser.devtools("Accessibility.getFullAXTree", &json!({}));
    let nodes = tree["nodes"].as_array().expect("a tree");
    let used = [
        "button",
        "link",
        "textbox",
        "searchbox",
        "checkbox",
        "image",
        "img",
        "DisclosureTriangle",
        "Date",
    ];
    let mut seen = 0;
    for node in nodes
        .iter()
        .filter(|node| node["ignored"] != Value::Bool(true))
    {
        let role = node["role"]["value"].as_str().unwrap_or_default();
        if used.contains(&role) {
            seen += 1;
            let name = node["name"]["value"].as_str().unwrap_or_default();
            assert!(!name.trim().is_empty(), "a {role} has no name: {node}");
        }
    }
    assert!(seen > 5, "the tree has {seen} things to use");
    let heads =
        browser.run("return [...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])");
    assert!(
        heads.as_array().is_some_and(|heads| !heads.is_empty()),
        "{heads}"
    );
}

/// Text stands out from what is behind it: 4.5 to 1 (WCAG 2.2, 1.4.3).
fn assert_readable(browser: &Browser) {
    let faint = browser.run(
        r#"
        const rgb = (text) => {
          const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
          canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
          return [...canvas.getImageData(0, 0, 1, 1).data];
        };
        const light = ([r, g, b]) => {
          const part = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
          return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
        };
        const behind = (element) => {
          for (let at = element; at; at = at.parentElement) {
            const color = rgb(getComputedStyle(at).backgroundColor);
            if (color[3] > 250) return color;
          }
          return rgb(getComputedStyle(document.documentElement).backgroundColor);
        };
        const faint = [];
        for (const element of document.querySelectorAll("main *")) {
          const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
          if (!own || !element.checkVisibility() || element.closest("svg, .hidden")) continue;
          const [a, b] = [light(rgb(getComputedStyle(element).color)), light(behind(element))];
          const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
          if (contrast < 4.5) faint.push(`${element.tagName}.${element.className} ${contrast.toFixed(2)} ${element.textContent.slice(0, 30)}`);
        }
        return faint;
        "#,
    );
    assert_eq!(faint, json!([]));
}
