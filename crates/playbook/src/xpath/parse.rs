//! From the text of an expression to its tree.

use super::token::{Token, tokens};
use super::{Axis, Expression, Function, Operator, Start, Step, Test};

/// How deep an expression may be nested: following it takes as many calls.
const MAX_DEPTH: usize = 32;

/// Reads the whole text.
pub(super) fn expression(text: &str) -> Result<Expression, String> {
    let tokens = tokens(text)?;
    let mut parser = Parser {
        tokens: &tokens,
        depth: 0,
    };
    let read = parser.expression()?;
    match parser.tokens.first() {
        None => Ok(read),
        Some(token) => Err(format!("{} cannot stand there", written(token))),
    }
}

fn written(token: &Token) -> String {
    match token {
        Token::Word(word) => word.clone(),
        Token::Text(text) => format!("{text:?}"),
        Token::Number(number) => number.to_string(),
        Token::Sign(sign) => format!("{sign:?}"),
    }
}

struct Parser<'text> {
    tokens: &'text [Token],
    depth: usize,
}

/// Operators from the loosest to the tightest.
const LEVELS: [&[(&str, Operator)]; 6] = [
    &[("or", Operator::Or)],
    &[("and", Operator::And)],
    &[("=", Operator::Equal), ("!=", Operator::Unequal)],
    &[
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[
        ("*", Operator::Multiply),
        ("div", Operator::Divide),
        ("mod", Operator::Remainder),
    ],
];

impl<'text> Parser<'text> {
    fn expression(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("it is nested deeper than {MAX_DEPTH} levels"));
        }
        let read = self.level(&LEVELS);
        self.depth -= 1;
        read
    }

    fn level(&mut self, levels: &[&[(&str, Operator)]]) -> Result<Expression, String> {
        let Some((operators, tighter)) = levels.split_first() else {
            return self.negation();
        };
        let mut left = self.level(tighter)?;
        while let Some(operator) = self.operator(operators) {
            let right = self.level(tighter)?;
            left = Expression::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    /// After an operand a word is an operator, as `*` is, and no name.
    fn operator(&mut self, operators: &[(&str, Operator)]) -> Option<Operator> {
        let text = match self.tokens.first()? {
            Token::Word(word) => word.as_str(),
            Token::Sign(sign) => sign,
            Token::Text(_) | Token::Number(_) => return None,
        };
        let (_, operator) = operators.iter().find(|(written, _)| *written == text)?;
        self.advance();
        Some(*operator)
    }

    fn negation(&mut self) -> Result<Expression, String> {
        let mut negated = false;
        while self.sign("-") {
            negated = !negated;
        }
        let inner = self.union()?;
        match negated {
            true => Ok(Expression::Negative(Box::new(inner))),
            false => Ok(inner),
        }
    }

    fn union(&mut self) -> Result<Expression, String> {
        let mut left = self.path()?;
        while self.sign("|") {
            let right = self.path()?;
            if !left.leads_to_nodes() || !right.leads_to_nodes() {
                return Err("| joins what leads to elements only".to_owned());
            }
            left = Expression::Binary(Operator::Union, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn path(&mut self) -> Result<Expression, String> {
        if let Some(first) = self.primary()? {
            return self.filter(first);
        }
        let mut steps = Vec::new();
        let start = if self.sign("//") {
            steps.push(anywhere());
            Start::Document
        } else if self.sign("/") {
            if !self.at_step() {
                return Ok(Expression::Path(Start::Document, steps));
            }
            Start::Document
        } else {
            Start::Context
        };
        steps.push(self.step()?);
        self.more_steps(&mut steps)?;
        Ok(Expression::Path(start, steps))
    }

    /// What stands for itself: a text, a number, a call, or parentheses.
    fn primary(&mut self) -> Result<Option<Expression>, String> {
        let read = match self.tokens {
            [Token::Text(text), ..] => Expression::Text(text.clone()),
            [Token::Number(number), ..] => Expression::Number(*number),
            [Token::Sign("("), ..] => {
                self.advance();
                let inner = self.expression()?;
                self.must("(", ")")?;
                return Ok(Some(inner));
            }
            [Token::Word(name), Token::Sign("("), ..] if !is_node_type(name) => {
                return self.call(name).map(Some);
            }
            _ => return Ok(None),
        };
        self.advance();
        Ok(Some(read))
    }

    fn call(&mut self, name: &str) -> Result<Expression, String> {
        self.advance();
        self.advance();
        let mut arguments = Vec::new();
        if !self.sign(")") {
            arguments.push(self.expression()?);
            while self.sign(",") {
                arguments.push(self.expression()?);
            }
            self.must(&format!("{name}("), ")")?;
        }
        let function = Function::of(name, arguments.len())?;
        if function.takes_nodes() && !arguments.iter().all(Expression::leads_to_nodes) {
            return Err(format!("{name}() takes what leads to elements"));
        }
        Ok(Expression::Call(function, arguments))
    }

    fn filter(&mut self, first: Expression) -> Result<Expression, String> {
        let predicates = self.predicates()?;
        let mut steps = Vec::new();
        self.more_steps(&mut steps)?;
        if predicates.is_empty() && steps.is_empty() {
            return Ok(first);
        }
        match first.leads_to_nodes() {
            true => Ok(Expression::Path(
                Start::Found(Box::new(first), predicates),
                steps,
            )),
            false => Err("[ and / follow what leads to elements only".to_owned()),
        }
    }

    fn more_steps(&mut self, steps: &mut Vec<Step>) -> Result<(), String> {
        loop {
            if self.sign("//") {
                steps.push(anywhere());
            } else if !self.sign("/") {
                return Ok(());
            }
            steps.push(self.step()?);
        }
    }

    fn at_step(&self) -> bool {
        matches!(
            self.tokens.first(),
            Some(Token::Word(_) | Token::Sign("." | ".." | "@" | "*"))
        )
    }

    fn step(&mut self) -> Result<Step, String> {
        let short = |axis| Step {
            axis,
            test: Test::Node,
            predicates: Vec::new(),
        };
        if self.sign(".") {
            return Ok(short(Axis::Itself));
        }
        if self.sign("..") {
            return Ok(short(Axis::Parent));
        }
        let axis = match self.tokens {
            [Token::Word(name), Token::Sign("::"), ..] => {
                let axis = axis(name).ok_or_else(|| format!("there is no axis {name}::"))?;
                self.advance();
                self.advance();
                axis
            }
            [Token::Sign("@"), ..] => {
                self.advance();
                Axis::Attribute
            }
            _ => Axis::Child,
        };
        let test = self.node_test()?;
        let predicates = self.predicates()?;
        Ok(Step {
            axis,
            test,
            predicates,
        })
    }

    fn node_test(&mut self) -> Result<Test, String> {
        match self.tokens {
            [Token::Sign("*"), ..] => {
                self.advance();
                Ok(Test::Any)
            }
            [Token::Word(name), Token::Sign("("), ..] => {
                let test = match name.as_str() {
                    "text" => Test::Text,
                    "comment" => Test::Comment,
                    "node" => Test::Node,
                    other => return Err(format!("{other}() cannot stand there")),
                };
                self.advance();
                self.advance();
                self.must(&format!("{name}("), ")")?;
                Ok(test)
            }
            [Token::Word(name), ..] => {
                self.advance();
                Ok(Test::Name(name.to_lowercase()))
            }
            [other, ..] => Err(format!("{} cannot stand there", written(other))),
            [] => Err("it ends too early".to_owned()),
        }
    }

    fn predicates(&mut self) -> Result<Vec<Expression>, String> {
        let mut predicates = Vec::new();
        while self.sign("[") {
            predicates.push(self.expression()?);
            self.must("[", "]")?;
        }
        Ok(predicates)
    }

    fn advance(&mut self) {
        self.tokens = self.tokens.get(1..).unwrap_or_default();
    }

    fn sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.tokens.first(), Some(Token::Sign(found)) if *found == sign);
        if found {
            self.advance();
        }
        found
    }

    fn must(&mut self, opened: &str, closed: &str) -> Result<(), String> {
        match self.sign(closed) {
            true => Ok(()),
            false => Err(format!("{opened} has no {closed}")),
        }
    }
}

/// What `//` is short for.
fn anywhere() -> Step {
    Step {
        axis: Axis::DescendantOrSelf,
        test: Test::Node,
        predicates: Vec::new(),
    }
}

fn is_node_type(name: &str) -> bool {
    matches!(name, "text" | "comment" | "node" | "processing-instruction")
}

fn axis(name: &str) -> Option<Axis> {
    Some(match name {
        "ancestor" => Axis::Ancestor,
        "ancestor-or-self" => Axis::AncestorOrSelf,
        "attribute" => Axis::Attribute,
        "child" => Axis::Child,
        "descendant" => Axis::Descendant,
        "descendant-or-self" => Axis::DescendantOrSelf,
        "following" => Axis::Following,
        "following-sibling" => Axis::FollowingSibling,
        "parent" => Axis::Parent,
        "preceding" => Axis::Preceding,
        "preceding-sibling" => Axis::PrecedingSibling,
        "self" => Axis::Itself,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::XPath;

    #[rstest]
    #[case("//*[@id=\"user\"]")]
    #[case("/html/body/div[2]/p[last()]")]
    #[case("//td[contains(., 'Due')]/following-sibling::td[1]")]
    #[case("//a[normalize-space()='Next' and not(@disabled)] | //button")]
    #[case("(//tr)[position() > 1]/td/@title")]
    #[case("id('x')//node()")]
    #[case("//div[count(.//a) * 2 >= 4 div 2 - 1 or * = '*']")]
    #[case("/")]
    #[case("..")]
    #[case("//text()")]
    #[case("//*[local-name() = 'svg']")]
    #[case("//div[div/div]")]
    fn what_leads_to_elements_is_read(#[case] text: &str) {
        assert!(XPath::parse(text).is_ok(), "{:?}", XPath::parse(text));
    }

    #[rstest]
    #[case("", "ends too early")]
    #[case("//", "ends too early")]
    #[case("//a[", "ends too early")]
    #[case("//a[1", "[ has no ]")]
    #[case("//a]", "cannot stand there")]
    #[case("//a[@b='c]", "no closing '")]
    #[case("//a[$b]", "no variables")]
    #[case("//svg:a", "no namespaces")]
    #[case("//a[matches(., 'x')]", "no function matches()")]
    #[case("//a[contains(.)]", "takes 2 arguments")]
    #[case("//a[count('x')]", "leads to elements")]
    #[case("count(//a)", "leads to no element")]
    #[case("'a'/b", "[ and / follow")]
    #[case("//a | 'b'", "| joins")]
    #[case("#a", "cannot stand there")]
    #[case("//foo::a", "no axis foo::")]
    #[case("//a[1.2.3]", "is no number")]
    fn what_does_not_is_refused(#[case] text: &str, #[case] reason: &str) {
        let refused = XPath::parse(text).unwrap_err();

        assert!(refused.contains(reason), "{refused}");
    }

    #[test]
    fn nesting_has_an_end() {
        for (open, close) in [("(", ")"), ("//a[", "]"), ("not(", ")")] {
            let nested = format!("{}b{}", open.repeat(1000), close.repeat(1000));
            assert!(XPath::parse(&nested).is_err());
        }
        assert!(XPath::parse(&format!("//a[{}1]", "-".repeat(4000))).is_ok());
    }
}
