//! XPath expressions that lead to elements, as a tree that an engine follows. Source: XPath 1.0, the
//! version that browsers have. Variables and namespaces are left out: a page gives neither.

mod function;
mod parse;
mod token;

pub use function::Function;

/// An expression that leads to nodes.
#[derive(Debug, Clone, PartialEq)]
pub struct XPath(Expression);

// No literal number is NaN: `Eq` holds.
impl Eq for XPath {}

impl XPath {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expression = parse::expression(text)?;
        match expression.leads_to_nodes() {
            true => Ok(Self(expression)),
            false => Err("it gives a value and leads to no element".to_owned()),
        }
    }

    /// What leads to the nodes.
    pub fn expression(&self) -> &Expression {
        &self.0
    }
}

/// One expression. Source: XPath 1.0, 3.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// `a = b`, `a | b` and the like.
    Binary(Operator, Box<Expression>, Box<Expression>),
    /// `-a`
    Negative(Box<Expression>),
    /// `'text'`
    Text(String),
    /// `12.5`
    Number(f64),
    /// `contains(a, b)`
    Call(Function, Vec<Expression>),
    /// `/a/b`, `a/b` and `(a)[b]/c`: where it begins, and the way on from there.
    Path(Start, Vec<Step>),
}

/// What is made of two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `or`
    Or,
    /// `and`
    And,
    /// `=`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `div`
    Divide,
    /// `mod`
    Remainder,
    /// `|`
    Union,
}

/// Where a path begins.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// Where one is.
    Context,
    /// At the page as a whole.
    Document,
    /// At what an expression leads to, as far as these hold of it.
    Found(Box<Expression>, Vec<Expression>),
}

/// One step of a way. Source: XPath 1.0, 2.1.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// In which direction.
    pub axis: Axis,
    /// To which nodes.
    pub test: Test,
    /// What must hold of them.
    pub predicates: Vec<Expression>,
}

/// A direction. Source: XPath 1.0, 2.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// `ancestor`
    Ancestor,
    /// `ancestor-or-self`
    AncestorOrSelf,
    /// `attribute`, `@`
    Attribute,
    /// `child`
    Child,
    /// `descendant`
    Descendant,
    /// `descendant-or-self`
    DescendantOrSelf,
    /// `following`
    Following,
    /// `following-sibling`
    FollowingSibling,
    /// `parent`, `..`
    Parent,
    /// `preceding`
    Preceding,
    /// `preceding-sibling`
    PrecedingSibling,
    /// `self`, `.`
    Itself,
}

/// Which nodes are meant. Source: XPath 1.0, 2.3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// `*`: any element, or on the attribute axis any attribute.
    Any,
    /// An element or attribute of this name, in small letters: pages do not tell them apart.
    Name(String),
    /// `text()`
    Text,
    /// `comment()`
    Comment,
    /// `node()`
    Node,
}

impl Expression {
    /// Whether it gives nodes, and not a text, a number or a truth.
    fn leads_to_nodes(&self) -> bool {
        match self {
            Self::Path(_, _) | Self::Binary(Operator::Union, _, _) => true,
            Self::Call(function, _) => *function == Function::Id,
            Self::Binary(_, _, _) | Self::Negative(_) | Self::Text(_) | Self::Number(_) => false,
        }
    }
}
