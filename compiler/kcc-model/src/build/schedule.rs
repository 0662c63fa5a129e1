//! `schedule`, `timeZone` and `concurrency` of a cron job, held to what a
//! cluster takes: an engine would tell of a mistake only when it is applied.

use kcc_diag::Code;

use super::{Cursor, component};
use crate::{Concurrency, Cron, Millis, Run};

/// A field of a schedule: what it is, its bounds, and names for its numbers.
struct Part {
    noun: &'static str,
    least: u32,
    most: u32,
    names: &'static [&'static str],
}

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const PARTS: [Part; 5] = [
    part("minute", 0, 59, &[]),
    part("hour", 0, 23, &[]),
    part("day of the month", 1, 31, &[]),
    part("month", 1, 12, &MONTHS),
    part("day of the week", 0, 6, &DAYS),
];

const fn part(noun: &'static str, least: u32, most: u32, names: &'static [&'static str]) -> Part {
    Part {
        noun,
        least,
        most,
        names,
    }
}

/// Words that stand for a whole schedule.
const WORDS: [&str; 7] = [
    "@yearly",
    "@annually",
    "@monthly",
    "@weekly",
    "@daily",
    "@midnight",
    "@hourly",
];
/// Before a schedule that repeats after a fixed time.
const EVERY: &str = "@every ";
/// What other programs write before a schedule for its zone.
const ZONES: [&str; 2] = ["TZ=", "CRON_TZ="];
const FORM: &str = "write five fields, minute, hour, day of the month, month and day of the week, \
                    as in `15 3 * * *`";

/// Decodes when a cron job runs; none where that is not known.
pub(crate) fn cron(node: &Cursor<'_>, run: Run) -> Option<Cron> {
    let time_zone = node.child("timeZone").and_then(|zone| self::zone(&zone));
    let concurrency = node.child("concurrency").and_then(|field| field.text());
    let concurrency = match concurrency.as_deref() {
        Some("forbid") => Concurrency::Forbid,
        Some("replace") => Concurrency::Replace,
        _ => Concurrency::Allow,
    };
    let Some(written) = node.child("schedule") else {
        let help = "write when it runs, as in `schedule: \"15 3 * * *\"`";
        component::missing(node, "`schedule`", help);
        return None;
    };
    let schedule = written.text()?;
    if let Err((why, help)) = parse(&schedule) {
        let message = format!("`{}`: {why}", written.path);
        let error = written.error(Code::ModelBadSchedule, message, "no schedule");
        written.report(error.help(help));
        return None;
    }
    Some(Cron {
        schedule,
        time_zone,
        concurrency,
        run,
    })
}

/// The name of a zone, as in the time zone database. Which of them a cluster
/// knows, it says itself.
fn zone(node: &Cursor<'_>) -> Option<String> {
    let name = node.text()?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "/_+-".contains(c);
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
    // Go reads this as the zone of the machine, which the cluster refuses.
    let local = name.eq_ignore_ascii_case("local");
    if begins && !local && name.chars().all(allowed) && !name.ends_with('/') {
        let Some(offset) = offset(&name) else {
            return Some(name);
        };
        let message = format!("`{}`: there is no time zone `{name}`", node.path);
        let error = node.error(Code::ModelBadSchedule, message, "no time zone");
        node.report(error.help(offset));
        return None;
    }
    let message = format!(
        "`{}`: expected the name of a time zone, found `{name}`",
        node.path
    );
    let error = node.error(Code::ModelBadSchedule, message, "no time zone");
    node.report(error.help("write a name such as `Etc/UTC` or `Europe/Berlin`"));
    None
}

/// What to write instead of a zone with an offset, such as `CET+1`. Those with
/// a sign that exist lie in `Etc`, and count from the other side.
fn offset(name: &str) -> Option<String> {
    let at = name.find(['+', '-'])?;
    let (zone, offset) = name.split_at(at);
    let number = offset[1..].parse::<u8>().ok();
    let place = "write the name of a place, such as `Europe/Berlin`";
    let (most, sign) = match offset.as_bytes()[0] {
        b'+' => (12, '-'),
        // A name such as `America/Port-au-Prince`.
        _ if number.is_none() => return None,
        _ => (14, '+'),
    };
    let exists = match zone {
        "Etc/GMT" => number.is_some_and(|number| number <= most),
        "GMT" => number == Some(0),
        _ => false,
    };
    if exists {
        return None;
    }
    Some(match number {
        Some(hours @ 1..=12) if zone != "Etc/GMT" => {
            let side = if sign == '-' { "ahead of" } else { "behind" };
            format!("{place}, or `Etc/GMT{sign}{hours}` for {hours} h {side} UTC")
        }
        _ => place.to_owned(),
    })
}

/// Why a text is no schedule, and what to write instead.
type Wrong = (String, String);

fn parse(text: &str) -> Result<(), Wrong> {
    if let Some(zone) = ZONES.iter().find(|zone| text.starts_with(**zone)) {
        let rest = text[zone.len()..].split_once(' ');
        let (zone, rest) = rest.unwrap_or((&text[zone.len()..], "15 3 * * *"));
        return Err((
            "a schedule holds no time zone".to_owned(),
            format!("write `schedule: {rest:?}` and `timeZone: {zone:?}`"),
        ));
    }
    if text.starts_with('@') {
        return word(text);
    }
    let fields: Vec<_> = text.split_whitespace().collect();
    if fields.len() == PARTS.len() + 1 {
        let rest = fields[1..].join(" ");
        return Err((
            "expected five fields, found six".to_owned(),
            format!("a schedule has no seconds: write `{rest}`"),
        ));
    }
    if fields.len() != PARTS.len() {
        return Err((
            format!("expected five fields, found {}", fields.len()),
            FORM.to_owned(),
        ));
    }
    for (field, part) in fields.iter().zip(&PARTS) {
        for item in field.split(',') {
            part.item(item)?;
        }
    }
    Ok(())
}

fn word(text: &str) -> Result<(), Wrong> {
    if WORDS.contains(&text) {
        return Ok(());
    }
    if let Some(time) = text.strip_prefix(EVERY) {
        return match Millis::parse(time) {
            Ok(Millis(time)) if time >= 1000 => Ok(()),
            _ => Err((
                format!("expected a time after `@every`, found `{time}`"),
                "write one of at least a second, as in `@every 1h30m`".to_owned(),
            )),
        };
    }
    let near = kcc_diag::nearest(text, WORDS);
    let help = near.map_or_else(|| FORM.to_owned(), |word| format!("did you mean `{word}`?"));
    Err((format!("there is no schedule `{text}`"), help))
}

impl Part {
    /// One of the items of a list: `*`, a number, a range, each with or
    /// without a step.
    fn item(&self, item: &str) -> Result<(), Wrong> {
        let (range, step) = item
            .split_once('/')
            .map_or((item, None), |(range, step)| (range, Some(step)));
        if let Some(step) = step
            && step.parse::<u32>().map_or(true, |step| step == 0)
        {
            return Err((
                format!("`{item}` in the {} has no step that is a number", self.noun),
                "write a number from 1 behind the `/`, as in `*/15`".to_owned(),
            ));
        }
        if matches!(range, "*" | "?") {
            return Ok(());
        }
        let Some((first, last)) = range.split_once('-') else {
            return self.number(range).map(|_| ());
        };
        let (from, to) = (self.number(first)?, self.number(last)?);
        if from > to {
            return Err((
                format!("the range `{range}` in the {} runs backwards", self.noun),
                format!(
                    "write two ranges, as in `{first}-{},{}-{last}`",
                    self.most, self.least
                ),
            ));
        }
        Ok(())
    }

    fn number(&self, text: &str) -> Result<u32, Wrong> {
        let lower = text.to_ascii_lowercase();
        if let Some(at) = self.names.iter().position(|name| *name == lower) {
            return Ok(u32::try_from(at).unwrap_or_default() + self.least);
        }
        let number = text.parse().ok();
        let number = number.filter(|number| (self.least..=self.most).contains(number));
        number.ok_or_else(|| {
            let names = self.names.first().zip(self.names.last());
            let names = names.map_or_else(String::new, |(first, last)| {
                format!(" or a name from `{first}` to `{last}`")
            });
            let help = if self.names == DAYS && text == "7" {
                "write `0` for Sunday".to_owned()
            } else {
                format!("write a number from {} to {}{names}", self.least, self.most)
            };
            (format!("`{text}` is no {}", self.noun), help)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn what_a_cluster_takes_is_a_schedule() {
        for text in [
            "15 3 * * *",
            "*/5 * * * *",
            "0 0 1,15 * ?",
            "0 22 * * 1-5",
            "0 0 * JAN-Mar sun",
            "5-30/10 0 1 1 0",
            "7/20 * * * *",
            "@daily",
            "@every 1h30m",
        ] {
            assert_eq!(parse(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn anything_else_is_told_from_what_was_meant() {
        for (text, why, help) in [
            ("", "expected five fields, found 0", "write five fields"),
            (
                "* * *",
                "expected five fields, found 3",
                "write five fields",
            ),
            (
                "0 15 3 * * *",
                "expected five fields, found six",
                "a schedule has no seconds: write `15 3 * * *`",
            ),
            (
                "60 * * * *",
                "`60` is no minute",
                "write a number from 0 to 59",
            ),
            (
                "0 24 * * *",
                "`24` is no hour",
                "write a number from 0 to 23",
            ),
            (
                "0 0 * * 7",
                "`7` is no day of the week",
                "write `0` for Sunday",
            ),
            (
                "0 0 * foo *",
                "`foo` is no month",
                "write a number from 1 to 12 or a name from `jan` to `dec`",
            ),
            (
                "*/0 * * * *",
                "`*/0` in the minute has no step that is a number",
                "write a number from 1",
            ),
            (
                "0 22-4 * * *",
                "the range `22-4` in the hour runs backwards",
                "write two ranges, as in `22-23,0-4`",
            ),
            (
                "@dayly",
                "there is no schedule `@dayly`",
                "did you mean `@daily`?",
            ),
            (
                "@every day",
                "expected a time after `@every`, found `day`",
                "write one of at least a second",
            ),
            (
                "TZ=Europe/Berlin 15 3 * * *",
                "a schedule holds no time zone",
                "write `schedule: \"15 3 * * *\"` and `timeZone: \"Europe/Berlin\"`",
            ),
        ] {
            let (said, helped) = parse(text).expect_err(text);
            assert_eq!(said, why, "{text}");
            assert!(helped.starts_with(help), "{text}: {helped}");
        }
    }
}
