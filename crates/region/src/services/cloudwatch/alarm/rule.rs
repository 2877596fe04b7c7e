//! The language of composite alarms: `ALARM(a) AND NOT (OK("b") OR AT_LEAST(50%, ALARM, (c, d)))`.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-combining.html>

use wire::cloudwatch::StateValue;

/// At most so many conditions and operators in one rule.
const MOST_ELEMENTS: usize = 500;
const DEEPEST: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rule {
    Always(bool),
    Is(StateValue, String),
    Not(Box<Rule>),
    And(Box<Rule>, Box<Rule>),
    Or(Box<Rule>, Box<Rule>),
    AtLeast {
        least: Least,
        negated: bool,
        state: StateValue,
        alarms: Vec<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Least {
    Count(u32),
    Percent(u32),
}

impl Rule {
    /// Whether the rule holds. An alarm that is not there is in no state.
    pub(super) fn holds(&self, state: &impl Fn(&str) -> Option<StateValue>) -> bool {
        match self {
            Self::Always(value) => *value,
            Self::Is(wanted, alarm) => state(alarm) == Some(*wanted),
            Self::Not(rule) => !rule.holds(state),
            Self::And(one, other) => one.holds(state) && other.holds(state),
            Self::Or(one, other) => one.holds(state) || other.holds(state),
            Self::AtLeast {
                least,
                negated,
                state: wanted,
                alarms,
            } => {
                let held = alarms
                    .iter()
                    .filter(|alarm| (state(alarm) == Some(*wanted)) != *negated)
                    .count() as u64;
                match least {
                    Least::Count(count) => held >= u64::from(*count),
                    Least::Percent(percent) => {
                        held * 100 >= u64::from(*percent) * alarms.len() as u64
                    }
                }
            }
        }
    }

    /// The names of the alarms it speaks of, each once, in order of mention.
    pub(super) fn alarms(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.collect(&mut names);
        names
    }

    fn collect<'a>(&'a self, into: &mut Vec<&'a str>) {
        let mut add = |name: &'a str| {
            if !into.contains(&name) {
                into.push(name);
            }
        };
        match self {
            Self::Always(_) => {}
            Self::Is(_, alarm) => add(alarm),
            Self::AtLeast { alarms, .. } => alarms.iter().for_each(|name| add(name)),
            Self::Not(rule) => rule.collect(into),
            Self::And(one, other) | Self::Or(one, other) => {
                one.collect(into);
                other.collect(into);
            }
        }
    }
}

/// The name an alarm is referred to by: a name, or an ARN.
pub(super) fn name_of(reference: &str) -> &str {
    match reference.strip_prefix("arn:") {
        Some(rest) => rest.splitn(6, ':').nth(5).unwrap_or(reference),
        None => reference,
    }
}

/// Reads a rule, or says what is wrong with it.
pub(super) fn parse(text: &str) -> Result<Rule, String> {
    let mut parser = Parser {
        text,
        at: 0,
        elements: 0,
    };
    let rule = parser.or(0)?;
    parser.spaces();
    if parser.at < text.len() {
        return Err(format!(
            "unexpected \"{}\" at position {}",
            parser.rest().chars().take(20).collect::<String>(),
            parser.at
        ));
    }
    Ok(rule)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    elements: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn spaces(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn eat(&mut self, sign: char) -> bool {
        self.spaces();
        let found = self.rest().starts_with(sign);
        if found {
            self.at += sign.len_utf8();
        }
        found
    }

    fn expect(&mut self, sign: char) -> Result<(), String> {
        if self.eat(sign) {
            return Ok(());
        }
        Err(format!("expected \"{sign}\" at position {}", self.at))
    }

    /// A word of letters and underscores, in upper case.
    fn word(&mut self) -> String {
        self.spaces();
        let rest = self.rest();
        let end = rest
            .find(|letter: char| !letter.is_ascii_alphabetic() && letter != '_')
            .unwrap_or(rest.len());
        rest[..end].to_ascii_uppercase()
    }

    fn eat_word(&mut self, wanted: &str) -> bool {
        let found = self.word() == wanted;
        if found {
            self.at += wanted.len();
        }
        found
    }

    fn count(&mut self) -> Result<(), String> {
        self.elements += 1;
        if self.elements > MOST_ELEMENTS {
            return Err(format!("the rule has more than {MOST_ELEMENTS} elements"));
        }
        Ok(())
    }

    fn or(&mut self, depth: usize) -> Result<Rule, String> {
        if depth > DEEPEST {
            return Err("the rule is nested too deeply".to_owned());
        }
        let mut rule = self.and(depth)?;
        while self.eat_word("OR") {
            self.count()?;
            rule = Rule::Or(Box::new(rule), Box::new(self.and(depth)?));
        }
        Ok(rule)
    }

    fn and(&mut self, depth: usize) -> Result<Rule, String> {
        let mut rule = self.one(depth)?;
        while self.eat_word("AND") {
            self.count()?;
            rule = Rule::And(Box::new(rule), Box::new(self.one(depth)?));
        }
        Ok(rule)
    }

    fn one(&mut self, depth: usize) -> Result<Rule, String> {
        if depth > DEEPEST {
            return Err("the rule is nested too deeply".to_owned());
        }
        self.count()?;
        if self.eat('(') {
            let rule = self.or(depth + 1)?;
            self.expect(')')?;
            return Ok(rule);
        }
        let word = self.word();
        let start = self.at;
        self.at += word.len();
        if let Some(state) = state(&word) {
            self.expect('(')?;
            let alarm = self.reference()?;
            self.expect(')')?;
            return Ok(Rule::Is(state, alarm));
        }
        match word.as_str() {
            "TRUE" => Ok(Rule::Always(true)),
            "FALSE" => Ok(Rule::Always(false)),
            "NOT" => Ok(Rule::Not(Box::new(self.one(depth + 1)?))),
            "AT_LEAST" => self.at_least(),
            "" if start == self.text.len() => Err("the rule ends too early".to_owned()),
            _ => Err(format!(
                "expected ALARM, OK, INSUFFICIENT_DATA, AT_LEAST, NOT, TRUE, FALSE or \"(\" at position {start}"
            )),
        }
    }

    fn at_least(&mut self) -> Result<Rule, String> {
        self.expect('(')?;
        self.spaces();
        let quoted = self.eat('"');
        let digits: String = self
            .rest()
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        self.at += digits.len();
        let number: u32 = digits
            .parse()
            .map_err(|_| format!("expected a number at position {}", self.at))?;
        let percent = self.eat('%');
        if quoted {
            self.expect('"')?;
        }
        if number == 0 || (percent && number > 100) {
            return Err(
                "AT_LEAST needs a number from 1, or a percentage from 1% to 100%".to_owned(),
            );
        }
        self.expect(',')?;
        let negated = self.eat_word("NOT");
        let word = self.word();
        let state =
            state(&word).ok_or_else(|| format!("expected a state at position {}", self.at))?;
        self.at += word.len();
        self.expect(',')?;
        self.expect('(')?;
        let mut alarms = vec![self.reference()?];
        while self.eat(',') {
            self.count()?;
            alarms.push(self.reference()?);
        }
        self.expect(')')?;
        self.expect(')')?;
        if !percent && usize::try_from(number).is_ok_and(|number| number > alarms.len()) {
            return Err(format!(
                "AT_LEAST asks for {number} of {} alarms",
                alarms.len()
            ));
        }
        let least = if percent {
            Least::Percent(number)
        } else {
            Least::Count(number)
        };
        Ok(Rule::AtLeast {
            least,
            negated,
            state,
            alarms,
        })
    }

    fn reference(&mut self) -> Result<String, String> {
        self.spaces();
        let start = self.at;
        let text = if self.eat('"') {
            let mut text = String::new();
            let mut escaped = false;
            let mut closed = false;
            for letter in self.rest().chars() {
                self.at += letter.len_utf8();
                if escaped {
                    text.push(letter);
                    escaped = false;
                } else if letter == '\\' {
                    escaped = true;
                } else if letter == '"' {
                    closed = true;
                    break;
                } else {
                    text.push(letter);
                }
            }
            if !closed {
                return Err(format!(
                    "the quotation mark at position {start} is not closed"
                ));
            }
            text
        } else {
            let rest = self.rest();
            let end = rest
                .find(|letter: char| letter.is_whitespace() || "(),".contains(letter))
                .unwrap_or(rest.len());
            self.at += end;
            rest[..end].to_owned()
        };
        let name = name_of(&text);
        if name.is_empty() {
            return Err(format!(
                "expected the name or ARN of an alarm at position {start}"
            ));
        }
        Ok(name.to_owned())
    }
}

fn state(word: &str) -> Option<StateValue> {
    match word {
        "ALARM" => Some(StateValue::Alarm),
        "OK" => Some(StateValue::Ok),
        "INSUFFICIENT_DATA" => Some(StateValue::InsufficientData),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `a` and `b` are in alarm, `o` is OK, `i` knows nothing.
    fn states(name: &str) -> Option<StateValue> {
        match name {
            "a" | "b" | "a \"b\" (c), d" => Some(StateValue::Alarm),
            "o" => Some(StateValue::Ok),
            "i" => Some(StateValue::InsufficientData),
            _ => None,
        }
    }

    #[test]
    fn rules_hold_as_they_say() {
        for (rule, holds) in [
            ("ALARM(a)", true),
            ("ALARM(o)", false),
            ("OK(o)", true),
            ("INSUFFICIENT_DATA(i)", true),
            ("ALARM(gone)", false),
            ("TRUE", true),
            ("false", false),
            ("NOT ALARM(a)", false),
            ("NOT NOT ALARM(a)", true),
            ("ALARM(a) AND ALARM(o)", false),
            ("ALARM(a) OR ALARM(o)", true),
            // AND binds tighter than OR.
            ("ALARM(a) OR ALARM(o) AND FALSE", true),
            ("(ALARM(a) OR ALARM(o)) AND FALSE", false),
            ("NOT (ALARM(o) OR ALARM(i))", true),
            ("ALARM(a) AND NOT ALARM(o)", true),
            (r#"ALARM("a")"#, true),
            (r#"ALARM("a \"b\" (c), d")"#, true),
            (
                "ALARM(arn:aws:cloudwatch:eu-central-1:000000000000:alarm:a)",
                true,
            ),
            ("AT_LEAST(2, ALARM, (a, b, o, i))", true),
            ("AT_LEAST(3, ALARM, (a, b, o, i))", false),
            ("AT_LEAST(50%, ALARM, (a, b, o, i))", true),
            ("AT_LEAST(51%, ALARM, (a, b, o, i))", false),
            ("AT_LEAST(2, NOT ALARM, (a, b, o, i))", true),
            ("AT_LEAST(3, NOT ALARM, (a, b, o, i))", false),
            ("AT_LEAST(\"50%\", OK, (o, i)) AND NOT ALARM(o)", true),
        ] {
            let parsed = parse(rule).unwrap_or_else(|error| panic!("{rule}: {error}"));
            assert_eq!(parsed.holds(&states), holds, "{rule}");
        }
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for rule in [
            "",
            "ALARM",
            "ALARM(",
            "ALARM()",
            "ALARM(a",
            "ALARM(a) AND",
            "ALARM(a) ALARM(b)",
            "AND ALARM(a)",
            "(ALARM(a)",
            "ALARM(\"a)",
            "MAYBE(a)",
            "AT_LEAST(0, ALARM, (a))",
            "AT_LEAST(2, ALARM, (a))",
            "AT_LEAST(101%, ALARM, (a))",
            "AT_LEAST(1, ALARM, ())",
            "ALARM(a b)",
        ] {
            assert!(parse(rule).is_err(), "{rule}");
        }
        assert!(parse(&"(".repeat(9000)).is_err());
        assert!(parse(&"NOT ".repeat(2000)).is_err());
        assert!(parse(&format!("TRUE{}", " AND TRUE".repeat(300))).is_err());
    }

    #[test]
    fn each_alarm_is_named_once() {
        let rule = parse("ALARM(a) OR OK(a) AND AT_LEAST(1, OK, (b, a, c))").expect("a rule");
        assert_eq!(rule.alarms(), ["a", "b", "c"]);
    }

    proptest! {
        #[test]
        fn nothing_read_ends_in_a_panic(text in "[A-Z_ ()\"\\\\,%0-9a-c\u{e9}]{0,60}") {
            let _ = parse(&text);
        }
    }
}
