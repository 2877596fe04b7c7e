//! The grammar of expressions.

const DEEPEST: usize = 64;

#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Expression {
    Number(f64),
    Text(String),
    /// A bare word in capitals, such as `REPEAT`.
    Word(String),
    /// The id of another query.
    Id(String),
    List(Vec<Expression>),
    Call(String, Vec<Expression>),
    Negated(Box<Expression>),
    Not(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    And,
    Or,
}

impl Operator {
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Power => "^",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::And => "&&",
            Self::Or => "||",
        }
    }
}

impl Expression {
    /// Calls `visit` for this and all that it is made of.
    pub(in super::super) fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        visit(self);
        match self {
            Self::Number(_) | Self::Text(_) | Self::Word(_) | Self::Id(_) => {}
            Self::List(all) | Self::Call(_, all) => all.iter().for_each(|one| one.walk(visit)),
            Self::Negated(inner) | Self::Not(inner) => inner.walk(visit),
            Self::Binary(_, one, other) => {
                one.walk(visit);
                other.walk(visit);
            }
        }
    }
}

/// Reads an expression, or says what is wrong with it.
pub(in super::super) fn parse(text: &str) -> Result<Expression, String> {
    let mut parser = Parser { text, at: 0 };
    let expression = parser.level(0, 0)?;
    parser.spaces();
    if parser.at < text.len() {
        return Err(format!("Syntax error at position {}", parser.at));
    }
    Ok(expression)
}

/// Operators from the loosest to the tightest; longer signs before those they begin with.
const LEVELS: &[&[(&str, Operator)]] = &[
    &[("||", Operator::Or), ("OR", Operator::Or)],
    &[("&&", Operator::And), ("AND", Operator::And)],
    &[
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("/", Operator::Divide)],
];

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn spaces(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn eat(&mut self, sign: &str) -> bool {
        self.spaces();
        let Some(after) = self.rest().strip_prefix(sign) else {
            return false;
        };
        let word = sign.starts_with(char::is_alphabetic);
        if word && after.starts_with(|letter: char| letter.is_alphanumeric() || letter == '_') {
            return false;
        }
        self.at += sign.len();
        true
    }

    fn error<T>(&self) -> Result<T, String> {
        Err(format!("Syntax error at position {}", self.at))
    }

    fn level(&mut self, level: usize, depth: usize) -> Result<Expression, String> {
        if depth > DEEPEST {
            return Err("The expression is nested too deeply".to_owned());
        }
        let Some(operators) = LEVELS.get(level) else {
            return self.unary(depth);
        };
        let mut left = self.level(level + 1, depth)?;
        'next: loop {
            for (sign, operator) in *operators {
                if self.eat(sign) {
                    let right = self.level(level + 1, depth)?;
                    left = Expression::Binary(*operator, Box::new(left), Box::new(right));
                    continue 'next;
                }
            }
            return Ok(left);
        }
    }

    fn unary(&mut self, depth: usize) -> Result<Expression, String> {
        if depth > DEEPEST {
            return Err("The expression is nested too deeply".to_owned());
        }
        if self.eat("-") {
            return Ok(Expression::Negated(Box::new(self.unary(depth + 1)?)));
        }
        if self.eat("+") {
            return self.unary(depth + 1);
        }
        if self.eat("!") || self.eat("NOT") {
            return Ok(Expression::Not(Box::new(self.unary(depth + 1)?)));
        }
        let base = self.atom(depth)?;
        if self.eat("^") {
            let exponent = self.unary(depth + 1)?;
            return Ok(Expression::Binary(
                Operator::Power,
                Box::new(base),
                Box::new(exponent),
            ));
        }
        Ok(base)
    }

    fn atom(&mut self, depth: usize) -> Result<Expression, String> {
        self.spaces();
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return self.error();
        };
        match first {
            '(' => {
                self.at += 1;
                let inner = self.level(0, depth + 1)?;
                if self.eat(")") {
                    Ok(inner)
                } else {
                    self.error()
                }
            }
            '[' => {
                self.at += 1;
                Ok(Expression::List(self.list("]", depth)?))
            }
            '\'' | '"' => {
                let Some(end) = rest[1..].find(first) else {
                    return self.error();
                };
                self.at += end + 2;
                Ok(Expression::Text(rest[1..=end].to_owned()))
            }
            '0'..='9' | '.' => self.number(),
            'a'..='z' | 'A'..='Z' | '_' => {
                let end = rest
                    .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
                    .unwrap_or(rest.len());
                self.at += end;
                let word = &rest[..end];
                if self.eat("(") {
                    let name = word.to_ascii_uppercase();
                    return Ok(Expression::Call(name, self.list(")", depth)?));
                }
                if first.is_ascii_lowercase() {
                    Ok(Expression::Id(word.to_owned()))
                } else {
                    Ok(Expression::Word(word.to_owned()))
                }
            }
            _ => self.error(),
        }
    }

    fn list(&mut self, end: &str, depth: usize) -> Result<Vec<Expression>, String> {
        let mut items = Vec::new();
        if self.eat(end) {
            return Ok(items);
        }
        loop {
            items.push(self.level(0, depth + 1)?);
            if self.eat(end) {
                return Ok(items);
            }
            if !self.eat(",") {
                return self.error();
            }
        }
    }

    fn number(&mut self) -> Result<Expression, String> {
        let bytes = self.rest().as_bytes();
        let digits = |from: usize| {
            bytes[from..]
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count()
        };
        let mut end = digits(0);
        if bytes.get(end) == Some(&b'.') {
            end += 1 + digits(end + 1);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(end + 1 + sign);
            if exponent > 0 {
                end += 1 + sign + exponent;
            }
        }
        let Ok(value) = self.rest()[..end].parse() else {
            return self.error();
        };
        self.at += end;
        Ok(Expression::Number(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_expression_is_refused() {
        for text in [
            "", "1 +", "(1", "SUM(", "SUM(m1", "SUM(m1,)", "[1", "m1 m2", "'a", "1 $ 2", "*1", ".",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"(".repeat(2000)).is_err());
        assert!(parse(&"-".repeat(2000)).is_err());
    }

    #[test]
    fn words_are_not_parts_of_words() {
        assert_eq!(parse("m1 OR m2"), parse("m1||m2"));
        assert_eq!(
            parse("ORDER"),
            Ok(Expression::Word("ORDER".to_owned())),
            "OR is no operator there"
        );
    }

    proptest! {
        #[test]
        fn nothing_read_ends_in_a_panic(text in "[A-Zm1-3()+*/^<>=!&|,.'\" e\u{e9}\\[\\]-]{0,40}") {
            let _ = parse(&text);
        }
    }
}
