//! A quota of the namespace forbids further pods, or requires that they state their
//! resources.

use kcc_plan::{Cause, symptoms::between};

use super::{Facts, cause, refused};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let message = facts.refusal?;
    if let Some((_, rest)) = message.split_once("exceeded quota: ") {
        let name = rest.split(',').next()?;
        let part = |word: &str| {
            let text = between(rest, &format!("{word}: "), ", used");
            text.or_else(|| between(rest, &format!("{word}: "), ", limited"))
                .or_else(|| Some(rest.split_once(&format!("{word}: "))?.1))
        };
        let numbers = part("requested").zip(part("used")).zip(part("limited"));
        return Some(
            cause(format!("pods cannot be created: quota `{name}` is exceeded"))
                .evidence(numbers.map(|((wanted, used), limit)| {
                    format!("a pod requests {wanted}; {used} is used, the limit is {limit}")
                }))
                .help(format!("lower `resources:`, or raise quota `{name}`"))
                .since(refused::since(facts)),
        );
    }
    let (_, rest) = message.split_once("failed quota: ")?;
    let (name, what) = rest.split_once(": must specify ")?;
    let fields = what.split(" for:").next().unwrap_or(what);
    Some(
        cause(format!("pods cannot be created: quota `{name}` requires them to state their resources"))
            .evidence(format!("missing: {fields}"))
            .help("set `resources:`")
            .since(refused::since(facts)),
    )
}
