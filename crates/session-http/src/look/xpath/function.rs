//! The functions of XPath. Source: XML Path Language 1.0, 4.

use windlass_playbook::xpath::{Expression, Function};

use crate::look::xpath::evaluate::{Context, Evaluation, truth};
use crate::look::xpath::value::{Place, Value};
use crate::look::{Unlookable, normal};

impl Evaluation<'_> {
    pub(super) fn call(
        &mut self,
        function: Function,
        arguments: &[Expression],
        context: Context,
    ) -> Result<Value, Unlookable> {
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            values.push(self.value(argument, context)?);
        }
        let itself = Value::Nodes(vec![context.place]);
        let first = values.first().unwrap_or(&itself);
        let empty = Value::Text(String::new());
        let second = values.get(1).unwrap_or(&empty);
        Ok(match function {
            Function::True => Value::Truth(true),
            Function::False => Value::Truth(false),
            Function::Not => Value::Truth(!truth(first)),
            Function::Boolean => Value::Truth(truth(first)),
            Function::Last => number(context.size),
            Function::Position => number(context.position),
            Function::Count => number(nodes(first)?.len()),
            Function::Sum => {
                let mut sum = 0.0;
                for place in nodes(first)? {
                    let text = Value::Text(self.string_value(*place)?);
                    sum += self.number(&text)?;
                }
                Value::Number(sum)
            }
            Function::Id => self.by_id(first)?,
            Function::Name => Value::Text(self.name(first)?),
            Function::String => Value::Text(self.text(first)?),
            Function::Number => Value::Number(self.number(first)?),
            Function::Floor => Value::Number(self.number(first)?.floor()),
            Function::Ceiling => Value::Number(self.number(first)?.ceil()),
            // Halves go up (4.4), below zero too.
            Function::Round => Value::Number((self.number(first)? + 0.5).floor()),
            Function::StringLength => number(self.text(first)?.chars().count()),
            Function::NormalizeSpace => {
                let text = self.text(first)?;
                Value::Text(normal(&text))
            }
            Function::Concat => {
                let mut text = String::new();
                for value in &values {
                    text.push_str(&self.text(value)?);
                }
                Value::Text(text)
            }
            Function::Contains => Value::Truth(self.text(first)?.contains(&self.text(second)?)),
            Function::StartsWith => {
                Value::Truth(self.text(first)?.starts_with(&self.text(second)?))
            }
            Function::SubstringBefore => {
                let (text, mark) = (self.text(first)?, self.text(second)?);
                let before = text.split_once(&mark).map(|(before, _)| before);
                Value::Text(before.unwrap_or("").to_owned())
            }
            Function::SubstringAfter => {
                let (text, mark) = (self.text(first)?, self.text(second)?);
                let after = text.split_once(&mark).map(|(_, after)| after);
                Value::Text(after.unwrap_or("").to_owned())
            }
            Function::Substring => {
                let (text, start) = (self.text(first)?, round(self.number(second)?));
                let end = match values.get(2) {
                    Some(length) => start + round(self.number(length)?),
                    None => f64::INFINITY,
                };
                let mut place = 0.0;
                let inside = text.chars().filter(|_| {
                    place += 1.0;
                    place >= start && place < end
                });
                Value::Text(inside.collect())
            }
            Function::Translate => {
                let text = self.text(first)?;
                let from: Vec<char> = self.text(second)?.chars().collect();
                let to: Vec<char> = self.text(&values[2])?.chars().collect();
                let letters = text.chars().filter_map(|letter| {
                    match from.iter().position(|from| *from == letter) {
                        None => Some(letter),
                        Some(place) => to.get(place).copied(),
                    }
                });
                Value::Text(letters.collect())
            }
        })
    }

    fn by_id(&mut self, ids: &Value) -> Result<Value, Unlookable> {
        let ids = match ids {
            Value::Nodes(places) => {
                let mut ids = String::new();
                for place in places {
                    ids.push_str(&self.string_value(*place)?);
                    ids.push(' ');
                }
                ids
            }
            other => self.text(other)?,
        };
        let ids: Vec<&str> = ids.split_whitespace().collect();
        let named = |id: Option<&str>| id.is_some_and(|id| ids.contains(&id));
        let elements = self
            .page
            .elements()
            .filter(|element| named(element.attr("id")));
        Ok(Value::Nodes(
            elements.map(|element| Place::Node(element.id())).collect(),
        ))
    }

    fn name(&mut self, value: &Value) -> Result<String, Unlookable> {
        let name = match nodes(value)?.first() {
            Some(Place::Node(id)) => self.page.element(*id).map(|element| element.value().name()),
            Some(Place::Attribute(owner, place)) => {
                let owner = self.page.element(*owner);
                owner
                    .and_then(|owner| owner.value().attrs().nth(*place))
                    .map(|(name, _)| name)
            }
            None => None,
        };
        Ok(name.unwrap_or("").to_owned())
    }
}

fn nodes(value: &Value) -> Result<&[Place], Unlookable> {
    match value {
        Value::Nodes(places) => Ok(places),
        Value::Text(_) | Value::Number(_) | Value::Truth(_) => Err(Unlookable::XPath(
            "a function is given a value where it takes elements".to_owned(),
        )),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a page has less than 2^52 nodes and letters"
)]
fn number(count: usize) -> Value {
    Value::Number(count as f64)
}

fn round(number: f64) -> f64 {
    (number + 0.5).floor()
}
