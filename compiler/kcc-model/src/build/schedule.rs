//! Decodes and validates `schedule`, `timeZone` and `concurrency` of a cron job to
//! what Kubernetes accepts, which would report a mistake only on apply.

use kcc_diag::Code;

use super::Cursor;
use crate::{Concurrency, Cron, Millis, Run};

/// A field of a schedule: its name, its bounds, and names for its numbers.
struct Field {
    noun: &'static str,
    min: u32,
    max: u32,
    names: &'static [&'static str],
}

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const FIELDS: [Field; 5] = [
    field("minute", 0, 59, &[]),
    field("hour", 0, 23, &[]),
    field("day of the month", 1, 31, &[]),
    field("month", 1, 12, &MONTHS),
    field("day of the week", 0, 6, &DAYS),
];

const fn field(noun: &'static str, min: u32, max: u32, names: &'static [&'static str]) -> Field {
    Field {
        noun,
        min,
        max,
        names,
    }
}

/// Macros that stand for a whole schedule.
const MACROS: [&str; 7] = [
    "@yearly",
    "@annually",
    "@monthly",
    "@weekly",
    "@daily",
    "@midnight",
    "@hourly",
];
/// The prefix of a schedule that repeats after a fixed time.
const EVERY_PREFIX: &str = "@every ";
/// Prefixes that set a time zone in other cron programs.
const ZONE_PREFIXES: [&str; 2] = ["TZ=", "CRON_TZ="];
const FORM: &str = "write five fields (minute, hour, day of the month, month, day of the week), such \
                    as `15 3 * * *`";

/// Decodes the schedule of a cron job; returns none if it is missing or invalid.
pub(crate) fn cron(node: &Cursor<'_>, run: Run) -> Option<Cron> {
    let time_zone = node
        .child("timeZone")
        .and_then(|zone| self::time_zone(&zone));
    let concurrency = node.child("concurrency").and_then(|field| field.text());
    let concurrency = match concurrency.as_deref() {
        Some("forbid") => Concurrency::Forbid,
        Some("replace") => Concurrency::Replace,
        _ => Concurrency::Allow,
    };
    let Some(declared) = node.child("schedule") else {
        let help = "write a schedule such as `schedule: \"15 3 * * *\"`";
        node.report_missing("`schedule`", help);
        return None;
    };
    let schedule = declared.text()?;
    if let Err((why, help)) = parse(&schedule) {
        let message = format!("`{}`: {why}", declared.path);
        let error = declared.error(Code::ModelBadSchedule, message, "not a valid schedule");
        declared.report(error.help(help));
        return None;
    }
    Some(Cron {
        schedule,
        time_zone,
        concurrency,
        run,
    })
}

/// Decodes a name of the time zone database. Only the form is validated: the set
/// of known zones depends on the cluster.
fn time_zone(node: &Cursor<'_>) -> Option<String> {
    let name = node.text()?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "/_+-".contains(c);
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
    // Go reads `Local` as the host's zone, which Kubernetes rejects.
    let local = name.eq_ignore_ascii_case("local");
    if begins && !local && name.chars().all(allowed) && !name.ends_with('/') {
        let Some(help) = offset_help(&name) else {
            return Some(name);
        };
        let message = format!("`{}`: unknown time zone `{name}`", node.path);
        let error = node.error(Code::ModelBadSchedule, message, "no such time zone");
        node.report(error.help(help));
        return None;
    }
    let message = format!(
        "`{}`: expected the name of a time zone, found `{name}`",
        node.path
    );
    let error = node.error(Code::ModelBadSchedule, message, "not a time zone");
    node.report(error.help("write a name such as `Etc/UTC` or `Europe/Berlin`"));
    None
}

/// Suggests a replacement for a zone with an offset, such as `CET+1`; none if the
/// zone exists. The existing ones are in `Etc`, with the sign inverted.
fn offset_help(name: &str) -> Option<String> {
    let at = name.find(['+', '-'])?;
    let (zone, offset) = name.split_at(at);
    let number = offset[1..].parse::<u8>().ok();
    let suggestion = "write a location such as `Europe/Berlin`";
    let (max, sign) = match offset.as_bytes()[0] {
        b'+' => (12, '-'),
        // A hyphenated name such as `America/Port-au-Prince`.
        _ if number.is_none() => return None,
        _ => (14, '+'),
    };
    let exists = match zone {
        "Etc/GMT" => number.is_some_and(|number| number <= max),
        "GMT" => number == Some(0),
        _ => false,
    };
    if exists {
        return None;
    }
    Some(match number {
        Some(hours @ 1..=12) if zone != "Etc/GMT" => {
            let side = if sign == '-' { "ahead of" } else { "behind" };
            format!("{suggestion}, or `Etc/GMT{sign}{hours}` for {hours} h {side} UTC")
        }
        _ => suggestion.to_owned(),
    })
}

/// The reason why a schedule is invalid, and the help.
type ScheduleError = (String, String);

fn parse(text: &str) -> Result<(), ScheduleError> {
    if let Some(zone) = ZONE_PREFIXES.iter().find(|zone| text.starts_with(**zone)) {
        let rest = text[zone.len()..].split_once(' ');
        let (zone, rest) = rest.unwrap_or((&text[zone.len()..], "15 3 * * *"));
        return Err((
            "a schedule cannot contain a time zone".to_owned(),
            format!("write `schedule: {rest:?}` and `timeZone: {zone:?}`"),
        ));
    }
    if text.starts_with('@') {
        return parse_macro(text);
    }
    let fields: Vec<_> = text.split_whitespace().collect();
    if fields.len() == FIELDS.len() + 1 {
        let rest = fields[1..].join(" ");
        return Err((
            "expected five fields, found six".to_owned(),
            format!("remove the seconds: write `{rest}`"),
        ));
    }
    if fields.len() != FIELDS.len() {
        return Err((
            format!("expected five fields, found {}", fields.len()),
            FORM.to_owned(),
        ));
    }
    for (text, field) in fields.iter().zip(&FIELDS) {
        for item in text.split(',') {
            field.validate_item(item)?;
        }
    }
    Ok(())
}

fn parse_macro(text: &str) -> Result<(), ScheduleError> {
    if MACROS.contains(&text) {
        return Ok(());
    }
    if let Some(time) = text.strip_prefix(EVERY_PREFIX) {
        return match Millis::parse(time) {
            Ok(Millis(time)) if time >= 1000 => Ok(()),
            _ => Err((
                format!("expected a duration after `@every`, found `{time}`"),
                "write a duration of at min one second, such as `@every 1h30m`".to_owned(),
            )),
        };
    }
    let near = kcc_diag::nearest(text, MACROS);
    let help = near.map_or_else(|| FORM.to_owned(), |name| format!("did you mean `{name}`?"));
    Err((format!("unknown schedule `{text}`"), help))
}

impl Field {
    /// Validates one item of a list: `*`, a number or a range, each with or
    /// without a step.
    fn validate_item(&self, item: &str) -> Result<(), ScheduleError> {
        let (range, step) = item
            .split_once('/')
            .map_or((item, None), |(range, step)| (range, Some(step)));
        if let Some(step) = step
            && step.parse::<u32>().map_or(true, |step| step == 0)
        {
            return Err((
                format!(
                    "the step of `{item}` in the {} is not a positive number",
                    self.noun
                ),
                "write a positive number after the `/`, such as `*/15`".to_owned(),
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
                    "write two ranges: `{first}-{},{}-{last}`",
                    self.max, self.min
                ),
            ));
        }
        Ok(())
    }

    fn number(&self, text: &str) -> Result<u32, ScheduleError> {
        let lower = text.to_ascii_lowercase();
        if let Some(at) = self.names.iter().position(|name| *name == lower) {
            return Ok(u32::try_from(at).unwrap_or_default() + self.min);
        }
        let number = text.parse().ok();
        let number = number.filter(|number| (self.min..=self.max).contains(number));
        number.ok_or_else(|| {
            let names = self.names.first().zip(self.names.last());
            let names = names.map_or_else(String::new, |(first, last)| {
                format!(" or a name from `{first}` to `{last}`")
            });
            let help = if self.names == DAYS && text == "7" {
                "write `0` for Sunday".to_owned()
            } else {
                format!("write a number from {} to {}{names}", self.min, self.max)
            };
            (format!("`{text}` is not a valid {}", self.noun), help)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn accepts_the_schedules_kubernetes_accepts() {
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
    fn rejects_other_schedules_with_a_suggestion() {
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
                "remove the seconds: write `15 3 * * *`",
            ),
            (
                "60 * * * *",
                "`60` is not a valid minute",
                "write a number from 0 to 59",
            ),
            (
                "0 24 * * *",
                "`24` is not a valid hour",
                "write a number from 0 to 23",
            ),
            (
                "0 0 * * 7",
                "`7` is not a valid day of the week",
                "write `0` for Sunday",
            ),
            (
                "0 0 * foo *",
                "`foo` is not a valid month",
                "write a number from 1 to 12 or a name from `jan` to `dec`",
            ),
            (
                "*/0 * * * *",
                "the step of `*/0` in the minute is not a positive number",
                "write a positive number",
            ),
            (
                "0 22-4 * * *",
                "the range `22-4` in the hour runs backwards",
                "write two ranges: `22-23,0-4`",
            ),
            (
                "@dayly",
                "unknown schedule `@dayly`",
                "did you mean `@daily`?",
            ),
            (
                "@every day",
                "expected a duration after `@every`, found `day`",
                "write a duration of at min one second",
            ),
            (
                "TZ=Europe/Berlin 15 3 * * *",
                "a schedule cannot contain a time zone",
                "write `schedule: \"15 3 * * *\"` and `timeZone: \"Europe/Berlin\"`",
            ),
        ] {
            let (actual_why, actual_help) = parse(text).expect_err(text);
            assert_eq!(actual_why, why, "{text}");
            assert!(actual_help.starts_with(help), "{text}: {actual_help}");
        }
    }
}
