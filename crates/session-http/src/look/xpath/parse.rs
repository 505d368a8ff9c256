//! Reads an XPath. Source: XML Path Language 1.0, 2 and 3.

use crate::look::xpath::function::Function;
use crate::look::xpath::token::{Token, tokens};

/// How deep brackets may be nested.
const MAX_DEPTH: usize = 32;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Binary(Operator, Box<Expression>, Box<Expression>),
    Negative(Box<Expression>),
    Text(String),
    Number(f64),
    Call(Function, Vec<Expression>),
    Path(Start, Vec<Step>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Union,
}

/// Where a path begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Start {
    Context,
    Document,
    /// What an expression gives, filtered.
    Found(Box<Expression>, Vec<Expression>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    pub(super) axis: Axis,
    pub(super) test: Test,
    pub(super) predicates: Vec<Expression>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    Ancestor,
    AncestorOrSelf,
    Attribute,
    Child,
    Descendant,
    DescendantOrSelf,
    Following,
    FollowingSibling,
    Parent,
    Preceding,
    PrecedingSibling,
    Itself,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    /// `*`: any element, or any attribute on its axis.
    Any,
    /// In small letters, as HTML has them.
    Name(String),
    Text,
    Comment,
    Node,
}

/// Operators from the loosest to the tightest.
const LEVELS: [&[(&str, Operator)]; 7] = [
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
    &[("|", Operator::Union)],
];

/// # Errors
/// What is wrong with it.
pub(super) fn parse(text: &str) -> Result<Expression, String> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        next: 0,
        depth: 0,
    };
    let expression = parser.expression()?;
    match parser.tokens.get(parser.next) {
        None => Ok(expression),
        Some(token) => Err(format!("nothing can follow before {}", said(token))),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

impl Parser {
    fn expression(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("it is nested more than {MAX_DEPTH} deep"));
        }
        let expression = self.level(0);
        self.depth -= 1;
        expression
    }

    fn level(&mut self, level: usize) -> Result<Expression, String> {
        let Some(operators) = LEVELS.get(level) else {
            return self.path();
        };
        // A sign binds tighter than all but the union.
        if level + 1 == LEVELS.len() && self.take("-") {
            return Ok(Expression::Negative(Box::new(self.nested_level(level)?)));
        }
        let mut left = self.level(level + 1)?;
        while let Some((_, operator)) = operators.iter().find(|(sign, _)| self.take(sign)) {
            let right = self.level(level + 1)?;
            left = Expression::Binary(*operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    /// The same level once more, counted as nested: `- - - 1`.
    fn nested_level(&mut self, level: usize) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("it is nested more than {MAX_DEPTH} deep"));
        }
        let expression = self.level(level);
        self.depth -= 1;
        expression
    }

    fn path(&mut self) -> Result<Expression, String> {
        let mut steps = Vec::new();
        let start = if self.take("//") {
            steps.push(anywhere());
            Start::Document
        } else if self.take("/") {
            if !self.begins_step() {
                return Ok(Expression::Path(Start::Document, steps));
            }
            Start::Document
        } else if let Some(primary) = self.primary()? {
            let predicates = self.predicates()?;
            if predicates.is_empty() && !self.at("/") && !self.at("//") {
                return Ok(primary);
            }
            let start = Start::Found(Box::new(primary), predicates);
            if self.take("//") {
                steps.push(anywhere());
            } else if !self.take("/") {
                return Ok(Expression::Path(start, steps));
            }
            start
        } else {
            Start::Context
        };
        loop {
            steps.push(self.step()?);
            if self.take("//") {
                steps.push(anywhere());
            } else if !self.take("/") {
                return Ok(Expression::Path(start, steps));
            }
        }
    }

    /// A text, number, call or bracket; None where a path begins.
    fn primary(&mut self) -> Result<Option<Expression>, String> {
        let primary = match self.tokens.get(self.next).cloned() {
            Some(Token::Text(text)) => Expression::Text(text),
            Some(Token::Number(number)) => Expression::Number(number),
            Some(Token::Sign("(")) => {
                self.next += 1;
                let inner = self.expression()?;
                self.expect(")")?;
                return Ok(Some(inner));
            }
            Some(Token::Name(name))
                if self.tokens.get(self.next + 1) == Some(&Token::Sign("(")) =>
            {
                if is_node_type(&name) {
                    return Ok(None);
                }
                self.next += 2;
                return self.call(&name).map(Some);
            }
            _ => return Ok(None),
        };
        self.next += 1;
        Ok(Some(primary))
    }

    fn call(&mut self, name: &str) -> Result<Expression, String> {
        let function =
            Function::named(name).ok_or_else(|| format!("there is no function {name}"))?;
        let mut arguments = Vec::new();
        if !self.take(")") {
            loop {
                arguments.push(self.expression()?);
                if !self.take(",") {
                    break;
                }
            }
            self.expect(")")?;
        }
        match function.takes(arguments.len()) {
            true => Ok(Expression::Call(function, arguments)),
            false => Err(format!(
                "{name} does not take {} arguments",
                arguments.len()
            )),
        }
    }

    fn step(&mut self) -> Result<Step, String> {
        for (sign, axis) in [("..", Axis::Parent), (".", Axis::Itself)] {
            if self.take(sign) {
                return Ok(Step {
                    axis,
                    test: Test::Node,
                    predicates: Vec::new(),
                });
            }
        }
        let axis = self.axis()?;
        let test = self.test()?;
        let predicates = self.predicates()?;
        Ok(Step {
            axis,
            test,
            predicates,
        })
    }

    fn axis(&mut self) -> Result<Axis, String> {
        if self.take("@") {
            return Ok(Axis::Attribute);
        }
        let name = match (self.tokens.get(self.next), self.tokens.get(self.next + 1)) {
            (Some(Token::Name(name)), Some(Token::Sign("::"))) => name,
            _ => return Ok(Axis::Child),
        };
        let axis = match name.as_str() {
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
            _ => return Err(format!("there is no axis {name}")),
        };
        self.next += 2;
        Ok(axis)
    }

    fn test(&mut self) -> Result<Test, String> {
        let name = match self.tokens.get(self.next) {
            Some(Token::Name(name)) => name.clone(),
            Some(token) => return Err(format!("an element is missing before {}", said(token))),
            None => return Err("an element is missing at its end".to_owned()),
        };
        self.next += 1;
        if name == "*" {
            return Ok(Test::Any);
        }
        if !self.take("(") {
            return Ok(Test::Name(name.to_lowercase()));
        }
        self.expect(")")?;
        match name.as_str() {
            "text" => Ok(Test::Text),
            "comment" => Ok(Test::Comment),
            "node" => Ok(Test::Node),
            _ => Err(format!("{name}() is no kind of node")),
        }
    }

    fn predicates(&mut self) -> Result<Vec<Expression>, String> {
        let mut predicates = Vec::new();
        while self.take("[") {
            predicates.push(self.expression()?);
            self.expect("]")?;
        }
        Ok(predicates)
    }

    fn begins_step(&self) -> bool {
        match self.tokens.get(self.next) {
            Some(Token::Name(_)) => true,
            Some(Token::Sign(sign)) => matches!(*sign, "." | ".." | "@"),
            Some(Token::Text(_) | Token::Number(_)) | None => false,
        }
    }

    fn at(&self, sign: &str) -> bool {
        matches!(self.tokens.get(self.next), Some(Token::Sign(next)) if *next == sign)
    }

    fn take(&mut self, sign: &str) -> bool {
        let at = self.at(sign);
        self.next += usize::from(at);
        at
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        match self.take(sign) {
            true => Ok(()),
            false => Err(format!("{sign} is missing")),
        }
    }
}

/// `//` between steps.
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

fn said(token: &Token) -> String {
    match token {
        Token::Sign(sign) => (*sign).to_owned(),
        Token::Name(name) => name.clone(),
        Token::Text(_) => "a text".to_owned(),
        Token::Number(number) => number.to_string(),
    }
}
