//! The functions of an expression. Source: XPath 1.0, 4.

/// A function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// `boolean(value)`
    Boolean,
    /// `ceiling(number)`
    Ceiling,
    /// `concat(text, text, …)`
    Concat,
    /// `contains(text, part)`
    Contains,
    /// `count(nodes)`
    Count,
    /// `false()`
    False,
    /// `floor(number)`
    Floor,
    /// `id(text)`
    Id,
    /// `last()`
    Last,
    /// `name(nodes?)`, and `local-name(nodes?)`: without namespaces it is the same
    Name,
    /// `normalize-space(text?)`
    NormalizeSpace,
    /// `not(value)`
    Not,
    /// `number(value?)`
    Number,
    /// `position()`
    Position,
    /// `round(number)`
    Round,
    /// `starts-with(text, start)`
    StartsWith,
    /// `string(value?)`
    String,
    /// `string-length(text?)`
    StringLength,
    /// `substring(text, from, length?)`
    Substring,
    /// `substring-after(text, part)`
    SubstringAfter,
    /// `substring-before(text, part)`
    SubstringBefore,
    /// `sum(nodes)`
    Sum,
    /// `translate(text, from, to)`
    Translate,
    /// `true()`
    True,
}

/// The most arguments of `concat`.
const MANY: usize = 100;

/// Each function, its name, and the least and most arguments.
const FUNCTIONS: [(Function, &str, usize, usize); 25] = [
    (Function::Boolean, "boolean", 1, 1),
    (Function::Ceiling, "ceiling", 1, 1),
    (Function::Concat, "concat", 2, MANY),
    (Function::Contains, "contains", 2, 2),
    (Function::Count, "count", 1, 1),
    (Function::False, "false", 0, 0),
    (Function::Floor, "floor", 1, 1),
    (Function::Id, "id", 1, 1),
    (Function::Last, "last", 0, 0),
    (Function::Name, "local-name", 0, 1),
    (Function::Name, "name", 0, 1),
    (Function::NormalizeSpace, "normalize-space", 0, 1),
    (Function::Not, "not", 1, 1),
    (Function::Number, "number", 0, 1),
    (Function::Position, "position", 0, 0),
    (Function::Round, "round", 1, 1),
    (Function::StartsWith, "starts-with", 2, 2),
    (Function::String, "string", 0, 1),
    (Function::StringLength, "string-length", 0, 1),
    (Function::Substring, "substring", 2, 3),
    (Function::SubstringAfter, "substring-after", 2, 2),
    (Function::SubstringBefore, "substring-before", 2, 2),
    (Function::Sum, "sum", 1, 1),
    (Function::Translate, "translate", 3, 3),
    (Function::True, "true", 0, 0),
];

impl Function {
    /// The function of a name, with so many arguments.
    pub(super) fn of(name: &str, arguments: usize) -> Result<Self, String> {
        let found = FUNCTIONS.iter().find(|(_, known, _, _)| *known == name);
        let Some((function, _, least, most)) = found else {
            return Err(format!("there is no function {name}()"));
        };
        match (*least..=*most).contains(&arguments) {
            true => Ok(*function),
            false if least == most => Err(format!("{name}() takes {least} arguments")),
            false => Err(format!("{name}() takes {least} to {most} arguments")),
        }
    }

    /// Whether its arguments must lead to nodes.
    pub(super) fn takes_nodes(self) -> bool {
        matches!(self, Self::Count | Self::Sum | Self::Name)
    }
}
