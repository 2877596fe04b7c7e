//! The language of `SEARCH`: `{AWS/ECS,ClusterName} MetricName="CPUUtilization" (links OR NOT api)`.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html>

use std::collections::BTreeSet;

use super::state::Metric;

const DEEPEST: usize = 50;

/// Which metrics are wanted.
#[derive(Debug, PartialEq)]
pub(super) struct Search {
    /// A namespace, and the names of all dimensions.
    schema: Option<(String, BTreeSet<String>)>,
    term: Option<Term>,
}

#[derive(Debug, PartialEq)]
enum Term {
    Is {
        /// `MetricName`, `Namespace` or the name of a dimension; `None`: any of them.
        key: Option<String>,
        text: String,
        /// In quotation marks: the whole, not a part.
        exact: bool,
    },
    Not(Box<Term>),
    And(Box<Term>, Box<Term>),
    Or(Box<Term>, Box<Term>),
}

impl Search {
    pub(super) fn wants(&self, metric: &Metric) -> bool {
        let schema = self.schema.as_ref().is_none_or(|(namespace, names)| {
            metric.namespace == *namespace
                && metric.dimensions.len() == names.len()
                && metric
                    .dimensions
                    .iter()
                    .all(|(name, _)| names.contains(name))
        });
        schema && self.term.as_ref().is_none_or(|term| term.holds(metric))
    }
}

impl Term {
    fn holds(&self, metric: &Metric) -> bool {
        match self {
            Self::Not(term) => !term.holds(metric),
            Self::And(one, other) => one.holds(metric) && other.holds(metric),
            Self::Or(one, other) => one.holds(metric) || other.holds(metric),
            Self::Is { key, text, exact } => {
                let matches = |value: &str| {
                    if *exact {
                        value == text
                    } else {
                        part_of(text, value)
                    }
                };
                match key.as_deref() {
                    Some("MetricName") => matches(&metric.name),
                    Some("Namespace") => matches(&metric.namespace),
                    Some(key) => metric
                        .dimensions
                        .iter()
                        .any(|(name, value)| name == key && matches(value)),
                    None => {
                        matches(&metric.name)
                            || matches(&metric.namespace)
                            || metric
                                .dimensions
                                .iter()
                                .any(|(name, value)| matches(name) || matches(value))
                    }
                }
            }
        }
    }
}

/// Whether the words of `part` come one after the other in `whole`. Words end where letters and
/// digits do, and begin at capitals: `CPUUtilization` is `cpu` and `utilization`.
fn part_of(part: &str, whole: &str) -> bool {
    let (part, whole) = (words(part), words(whole));
    !part.is_empty() && whole.windows(part.len()).any(|window| window == part)
}

fn words(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let mut words: Vec<String> = Vec::new();
    let mut inside = false;
    for (place, letter) in letters.iter().enumerate() {
        if !letter.is_alphanumeric() {
            inside = false;
            continue;
        }
        let before = place.checked_sub(1).map(|before| letters[before]);
        let after = letters.get(place + 1);
        let begins = before.is_some_and(|before| {
            before.is_ascii_digit() != letter.is_ascii_digit()
                || (letter.is_uppercase()
                    && (before.is_lowercase() || after.is_some_and(|after| after.is_lowercase())))
        });
        if !inside || begins {
            words.push(String::new());
        }
        inside = true;
        if let Some(word) = words.last_mut() {
            word.extend(letter.to_lowercase());
        }
    }
    words
}

/// Reads a search, or says what is wrong with it.
pub(super) fn parse(text: &str) -> Result<Search, String> {
    let mut parser = Parser { rest: text.trim() };
    let schema = if parser.eat('{') {
        Some(parser.schema()?)
    } else {
        None
    };
    let term = if parser.rest.is_empty() {
        None
    } else {
        Some(parser.or(0)?)
    };
    if !parser.rest.is_empty() {
        return Err(format!("Unexpected '{}' in the search", parser.rest));
    }
    if schema.is_none() && term.is_none() {
        return Err("The search is empty".to_owned());
    }
    Ok(Search { schema, term })
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn eat(&mut self, sign: char) -> bool {
        let Some(rest) = self.rest.strip_prefix(sign) else {
            return false;
        };
        self.rest = rest.trim_start();
        true
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(word) else {
            return false;
        };
        let ends = |letter: char| letter.is_whitespace() || letter == '(';
        if !rest.is_empty() && !rest.starts_with(ends) {
            return false;
        }
        self.rest = rest.trim_start();
        true
    }

    /// A word, or what is in quotation marks; and whether it was.
    fn text(&mut self, stops: &[char]) -> Result<(String, bool), String> {
        if let Some(rest) = self.rest.strip_prefix('"') {
            let Some((inner, after)) = rest.split_once('"') else {
                return Err("A quotation mark in the search is not closed".to_owned());
            };
            self.rest = after.trim_start();
            return Ok((inner.to_owned(), true));
        }
        let end = self
            .rest
            .find(|letter: char| letter.is_whitespace() || stops.contains(&letter))
            .unwrap_or(self.rest.len());
        let (word, after) = self.rest.split_at(end);
        if word.is_empty() {
            return Err("The search ends too early".to_owned());
        }
        self.rest = after.trim_start();
        Ok((word.to_owned(), false))
    }

    fn schema(&mut self) -> Result<(String, BTreeSet<String>), String> {
        let stops = [',', '}'];
        let (namespace, _) = self.text(&stops)?;
        let mut names = BTreeSet::new();
        loop {
            if self.eat('}') {
                return Ok((namespace, names));
            }
            if !self.eat(',') {
                return Err("The schema of the search is not closed".to_owned());
            }
            names.insert(self.text(&stops)?.0);
        }
    }

    fn or(&mut self, depth: usize) -> Result<Term, String> {
        if depth > DEEPEST {
            return Err("The search is nested too deeply".to_owned());
        }
        let mut term = self.and(depth)?;
        while self.eat_word("OR") {
            term = Term::Or(Box::new(term), Box::new(self.and(depth)?));
        }
        Ok(term)
    }

    fn and(&mut self, depth: usize) -> Result<Term, String> {
        let mut term = self.one(depth)?;
        loop {
            let said = self.eat_word("AND");
            let ends = self.rest.is_empty()
                || self.rest.starts_with(')')
                || Parser { rest: self.rest }.eat_word("OR");
            if ends && !said {
                return Ok(term);
            }
            // Terms side by side have to hold together.
            term = Term::And(Box::new(term), Box::new(self.one(depth)?));
        }
    }

    fn one(&mut self, depth: usize) -> Result<Term, String> {
        if depth > DEEPEST {
            return Err("The search is nested too deeply".to_owned());
        }
        if self.eat_word("NOT") {
            return Ok(Term::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.eat('(') {
            let term = self.or(depth + 1)?;
            return if self.eat(')') {
                Ok(term)
            } else {
                Err("A bracket in the search is not closed".to_owned())
            };
        }
        let stops = ['=', '(', ')'];
        let (text, exact) = self.text(&stops)?;
        if !self.eat('=') {
            return Ok(Term::Is {
                key: None,
                text,
                exact,
            });
        }
        let key = Some(text);
        if !self.eat('(') {
            let (text, exact) = self.text(&stops)?;
            return Ok(Term::Is { key, text, exact });
        }
        // `key=(one OR other)`.
        let mut term: Option<Term> = None;
        while !self.eat(')') {
            let or = term.is_some() && self.eat_word("OR");
            let (text, exact) = self.text(&stops)?;
            let next = Term::Is {
                key: key.clone(),
                text,
                exact,
            };
            term = Some(match term {
                None => next,
                Some(term) if or => Term::Or(Box::new(term), Box::new(next)),
                Some(term) => Term::And(Box::new(term), Box::new(next)),
            });
        }
        term.ok_or_else(|| "A bracket in the search is empty".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use proptest::prelude::*;

    fn metric(namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Metric {
        Metric {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            dimensions: dimensions
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            series: Vec::new(),
            seen_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn searches_find_what_they_say() {
        let all = [
            metric(
                "AWS/ECS",
                "CPUUtilization",
                &[("ClusterName", "prod"), ("ServiceName", "links-api")],
            ),
            metric("AWS/ECS", "CPUUtilization", &[("ClusterName", "prod")]),
            metric(
                "AWS/ECS",
                "MemoryUtilization",
                &[("ClusterName", "test"), ("ServiceName", "web2")],
            ),
            metric("My App", "Latency", &[]),
        ];
        for (search, found) in [
            ("{AWS/ECS,ClusterName,ServiceName}", "02"),
            (
                "{AWS/ECS,ServiceName, ClusterName} MetricName=\"CPUUtilization\"",
                "0",
            ),
            ("{AWS/ECS,ClusterName}", "1"),
            ("{\"My App\"}", "3"),
            ("utilization", "012"),
            ("cpu", "01"),
            ("cpuutil", ""),
            ("\"CPUUtilization\"", "01"),
            ("\"cpuutilization\"", ""),
            ("cpu AND ServiceName=links", "0"),
            ("cpu ServiceName=links", "0"),
            ("cpu NOT ServiceName=links", "1"),
            ("latency OR memory", "23"),
            ("(latency OR memory) NOT web", "3"),
            ("ClusterName=(prod OR test) MetricName=memory", "2"),
            ("ServiceName=\"links-api\"", "0"),
            ("ServiceName=\"links\"", ""),
            ("Namespace=\"AWS/ECS\" web", "2"),
        ] {
            let search_ = parse(search).unwrap_or_else(|error| panic!("{search}: {error}"));
            let places: String = (0..)
                .zip(&all)
                .filter(|(_, metric)| search_.wants(metric))
                .map(|(place, _): (u32, _)| place.to_string())
                .collect();
            assert_eq!(places, found, "{search}");
        }
        for wrong in ["", "{A", "{}", "\"a", "(a", "a)", "a=", "NOT", "a=()"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn nothing_read_ends_in_a_panic(text in "[A-Za-c{}(),=\" \u{e9}]{0,40}") {
            let _ = parse(&text);
        }
    }
}
