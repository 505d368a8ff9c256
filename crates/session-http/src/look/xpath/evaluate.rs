//! Evaluates an XPath on a page, within a bound. Source: XML Path Language 1.0.

use std::collections::HashSet;

use ego_tree::{NodeId, NodeRef};
use scraper::Node;
use windlass_playbook::xpath::{Axis, Expression, Operator, Start, Step, Test};

use crate::look::Unlookable;
use crate::look::visits::Visits;
use crate::look::xpath::order::comes_after;
use crate::look::xpath::value::{Place, Value, number_of, text_of};
use crate::page::Page;

pub(super) struct Evaluation<'page> {
    pub(super) page: &'page Page,
    visits: Visits<'page>,
}

/// What an expression is evaluated for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context {
    pub(super) place: Place,
    /// Counted from 1.
    pub(super) position: usize,
    pub(super) size: usize,
}

impl<'page> Evaluation<'page> {
    pub(super) fn of(page: &'page Page) -> Self {
        Self {
            page,
            visits: page.visits(),
        }
    }

    pub(super) fn evaluate(
        &mut self,
        expression: &Expression,
        context: NodeId,
    ) -> Result<Value, Unlookable> {
        let context = Context {
            place: Place::Node(context),
            position: 1,
            size: 1,
        };
        self.value(expression, context)
    }

    pub(super) fn value(
        &mut self,
        expression: &Expression,
        context: Context,
    ) -> Result<Value, Unlookable> {
        self.visit()?;
        match expression {
            Expression::Text(text) => Ok(Value::Text(text.clone())),
            Expression::Number(number) => Ok(Value::Number(*number)),
            Expression::Negative(operand) => {
                let operand = self.value(operand, context)?;
                Ok(Value::Number(-self.number(&operand)?))
            }
            Expression::Call(function, arguments) => self.call(*function, arguments, context),
            Expression::Binary(operator, left, right) => {
                self.binary(*operator, left, right, context)
            }
            Expression::Path(start, steps) => self.path(start, steps, context).map(Value::Nodes),
        }
    }

    fn binary(
        &mut self,
        operator: Operator,
        left: &Expression,
        right: &Expression,
        context: Context,
    ) -> Result<Value, Unlookable> {
        let left = self.value(left, context)?;
        match operator {
            Operator::Or if truth(&left) => return Ok(Value::Truth(true)),
            Operator::And if !truth(&left) => return Ok(Value::Truth(false)),
            _ => {}
        }
        let right = self.value(right, context)?;
        Ok(match operator {
            Operator::Or | Operator::And => Value::Truth(truth(&right)),
            Operator::Equal
            | Operator::Unequal
            | Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual => Value::Truth(self.compare(operator, &left, &right)?),
            Operator::Add => Value::Number(self.number(&left)? + self.number(&right)?),
            Operator::Subtract => Value::Number(self.number(&left)? - self.number(&right)?),
            Operator::Multiply => Value::Number(self.number(&left)? * self.number(&right)?),
            Operator::Divide => Value::Number(self.number(&left)? / self.number(&right)?),
            Operator::Remainder => Value::Number(self.number(&left)? % self.number(&right)?),
            Operator::Union => {
                let (Value::Nodes(mut places), Value::Nodes(more)) = (left, right) else {
                    return Err(Unlookable::XPath("| joins elements only".to_owned()));
                };
                places.extend(more);
                Value::Nodes(self.once_in_order(&places)?)
            }
        })
    }

    /// Compares as 3.4 says: of nodes, one that holds is enough.
    fn compare(
        &mut self,
        operator: Operator,
        left: &Value,
        right: &Value,
    ) -> Result<bool, Unlookable> {
        match (left, right) {
            (Value::Nodes(places), Value::Truth(other)) => Ok(holds_for_numbers(
                operator,
                number_of_truth(!places.is_empty()),
                number_of_truth(*other),
            )),
            (Value::Truth(other), Value::Nodes(places)) => Ok(holds_for_numbers(
                operator,
                number_of_truth(*other),
                number_of_truth(!places.is_empty()),
            )),
            (Value::Nodes(places), other) => {
                for place in places {
                    let text = Value::Text(self.string_value(*place)?);
                    if self.compare(operator, &text, other)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            (other, Value::Nodes(places)) => {
                for place in places {
                    let text = Value::Text(self.string_value(*place)?);
                    if self.compare(operator, other, &text)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            (left, right) => {
                let equality = matches!(operator, Operator::Equal | Operator::Unequal);
                let truths = matches!(left, Value::Truth(_)) || matches!(right, Value::Truth(_));
                let numbers = matches!(left, Value::Number(_)) || matches!(right, Value::Number(_));
                if equality && truths {
                    return Ok((truth(left) == truth(right)) == (operator == Operator::Equal));
                }
                if equality && !numbers {
                    let same = self.text(left)? == self.text(right)?;
                    return Ok(same == (operator == Operator::Equal));
                }
                Ok(holds_for_numbers(
                    operator,
                    self.number(left)?,
                    self.number(right)?,
                ))
            }
        }
    }

    fn path(
        &mut self,
        start: &Start,
        steps: &[Step],
        context: Context,
    ) -> Result<Vec<Place>, Unlookable> {
        let mut places = match start {
            Start::Context => vec![context.place],
            Start::Document => vec![Place::Node(self.page.document().id())],
            Start::Found(expression, predicates) => {
                let Value::Nodes(places) = self.value(expression, context)? else {
                    return Err(Unlookable::XPath("a path begins at no element".to_owned()));
                };
                self.filter(places, predicates)?
            }
        };
        for step in steps {
            let several = places.len() > 1;
            let mut next = Vec::new();
            for place in places {
                let on_axis = self.on_axis(place, step)?;
                next.extend(self.filter(on_axis, &step.predicates)?);
            }
            // One place's own come in the order of the axis, which is all that a position needs.
            places = match several {
                true => self.once_in_order(&next)?,
                false => next,
            };
        }
        Ok(places)
    }

    fn filter(
        &mut self,
        mut places: Vec<Place>,
        predicates: &[Expression],
    ) -> Result<Vec<Place>, Unlookable> {
        for predicate in predicates {
            let size = places.len();
            let mut kept = Vec::new();
            for (before, place) in places.into_iter().enumerate() {
                let context = Context {
                    place,
                    position: before + 1,
                    size,
                };
                let holds = match self.value(predicate, context)? {
                    #[expect(
                        clippy::cast_precision_loss,
                        reason = "a page has less than 2^52 nodes"
                    )]
                    Value::Number(number) => number == context.position as f64,
                    value => truth(&value),
                };
                if holds {
                    kept.push(place);
                }
            }
            places = kept;
        }
        Ok(places)
    }

    /// Those on the axis that pass the test, the nearest first.
    fn on_axis(&mut self, place: Place, step: &Step) -> Result<Vec<Place>, Unlookable> {
        let page = self.page;
        let id = match (place, step.axis) {
            (
                Place::Attribute(..),
                Axis::Itself | Axis::AncestorOrSelf | Axis::DescendantOrSelf,
            ) if step.test == Test::Node => {
                return Ok(vec![place]);
            }
            (Place::Attribute(owner, _), Axis::Parent) => return self.tested([owner], step),
            (Place::Attribute(..), _) => return Ok(Vec::new()),
            (Place::Node(id), _) => id,
        };
        let Some(node) = page.node(id) else {
            return Ok(Vec::new());
        };
        let ids = |nodes: &mut dyn Iterator<Item = NodeRef<'page, Node>>| -> Vec<NodeId> {
            nodes.map(|node| node.id()).collect()
        };
        let nodes = match step.axis {
            Axis::Attribute => return Ok(attributes(node, &step.test)),
            Axis::Itself => vec![id],
            Axis::Child => ids(&mut node.children()),
            Axis::Descendant => ids(&mut node.descendants().skip(1)),
            Axis::DescendantOrSelf => ids(&mut node.descendants()),
            Axis::Parent => ids(&mut node.parent().into_iter()),
            Axis::Ancestor => ids(&mut node.ancestors()),
            Axis::AncestorOrSelf => ids(&mut std::iter::once(node).chain(node.ancestors())),
            Axis::FollowingSibling => ids(&mut node.next_siblings()),
            Axis::PrecedingSibling => ids(&mut node.prev_siblings()),
            Axis::Following => ids(&mut std::iter::once(node)
                .chain(node.ancestors())
                .flat_map(|around| around.next_siblings())
                .flat_map(|after| after.descendants())),
            Axis::Preceding => {
                let before = std::iter::once(node)
                    .chain(node.ancestors())
                    .flat_map(|around| around.prev_siblings());
                let mut found = Vec::new();
                for before in before {
                    let mut inside = ids(&mut before.descendants());
                    inside.reverse();
                    found.extend(inside);
                    self.visits.add(found.len())?;
                }
                found
            }
        };
        self.tested(nodes, step)
    }

    fn tested(
        &mut self,
        nodes: impl IntoIterator<Item = NodeId>,
        step: &Step,
    ) -> Result<Vec<Place>, Unlookable> {
        let mut passed = Vec::new();
        for id in nodes {
            self.visit()?;
            let passes = self
                .page
                .node(id)
                .is_some_and(|node| match (&step.test, node.value()) {
                    (Test::Any, Node::Element(_)) => true,
                    (Test::Name(name), Node::Element(element)) => {
                        element.name().eq_ignore_ascii_case(name)
                    }
                    (Test::Text, Node::Text(_)) | (Test::Comment, Node::Comment(_)) => true,
                    (Test::Node, value) => !matches!(value, Node::Doctype(_)),
                    _ => false,
                });
            if passes {
                passed.push(Place::Node(id));
            }
        }
        Ok(passed)
    }

    /// Each once, in the order of the page.
    fn once_in_order(&mut self, places: &[Place]) -> Result<Vec<Place>, Unlookable> {
        let wanted: HashSet<Place> = places.iter().copied().collect();
        let mut ordered = Vec::with_capacity(wanted.len());
        if wanted.len() <= 1 {
            ordered.extend(wanted);
            return Ok(ordered);
        }
        let owners: HashSet<NodeId> = wanted
            .iter()
            .filter_map(|place| match place {
                Place::Attribute(owner, _) => Some(*owner),
                Place::Node(_) => None,
            })
            .collect();
        for node in self.page.document().descendants() {
            self.visit()?;
            if wanted.contains(&Place::Node(node.id())) {
                ordered.push(Place::Node(node.id()));
            }
            if owners.contains(&node.id()) {
                let attributes = attributes(node, &Test::Any).into_iter();
                ordered.extend(attributes.filter(|attribute| wanted.contains(attribute)));
            }
        }
        Ok(ordered)
    }

    pub(super) fn text(&mut self, value: &Value) -> Result<String, Unlookable> {
        Ok(match value {
            Value::Nodes(places) => match self.first(places)? {
                Some(first) => self.string_value(first)?,
                None => String::new(),
            },
            Value::Text(text) => text.clone(),
            Value::Number(number) => text_of(*number),
            Value::Truth(truth) => truth.to_string(),
        })
    }

    /// The first in the order of the page; those of a reverse axis come the other way round.
    fn first(&mut self, places: &[Place]) -> Result<Option<Place>, Unlookable> {
        let ([first, .., last], page) = (places, self.page) else {
            return Ok(places.first().copied());
        };
        let node = |place: &Place| match place {
            Place::Node(id) | Place::Attribute(id, _) => page.node(*id),
        };
        let (Some(one), Some(other)) = (node(first), node(last)) else {
            return Ok(Some(*first));
        };
        Ok(Some(match comes_after(one, other, &mut self.visits)? {
            true => *last,
            false => *first,
        }))
    }

    pub(super) fn number(&mut self, value: &Value) -> Result<f64, Unlookable> {
        Ok(match value {
            Value::Number(number) => *number,
            Value::Truth(truth) => number_of_truth(*truth),
            Value::Text(text) => number_of(text),
            Value::Nodes(_) => number_of(&self.text(value)?),
        })
    }

    pub(super) fn string_value(&mut self, place: Place) -> Result<String, Unlookable> {
        match place {
            Place::Attribute(owner, place) => {
                let element = self.page.element(owner);
                let attribute = element.and_then(|element| element.value().attrs().nth(place));
                let value = attribute.map_or("", |(_, value)| value);
                self.visits.read_bytes(value.len())?;
                Ok(value.to_owned())
            }
            Place::Node(id) => {
                let Some(node) = self.page.node(id) else {
                    return Ok(String::new());
                };
                if let Some(comment) = node.value().as_comment() {
                    self.visits.read_bytes(comment.len())?;
                    return Ok(comment.to_string());
                }
                self.visits.texts_in(node)
            }
        }
    }

    fn visit(&mut self) -> Result<(), Unlookable> {
        self.visits.add(1)
    }
}

fn attributes(node: NodeRef<'_, Node>, test: &Test) -> Vec<Place> {
    let Some(element) = node.value().as_element() else {
        return Vec::new();
    };
    let passes = |name: &str| match test {
        Test::Any | Test::Node => true,
        Test::Name(wanted) => wanted == name,
        Test::Text | Test::Comment => false,
    };
    let attributes = element.attrs().enumerate();
    attributes
        .filter(|(_, (name, _))| passes(name))
        .map(|(place, _)| Place::Attribute(node.id(), place))
        .collect()
}

pub(super) fn truth(value: &Value) -> bool {
    match value {
        Value::Nodes(places) => !places.is_empty(),
        Value::Text(text) => !text.is_empty(),
        Value::Number(number) => *number != 0.0 && !number.is_nan(),
        Value::Truth(truth) => *truth,
    }
}

fn number_of_truth(truth: bool) -> f64 {
    f64::from(u8::from(truth))
}

fn holds_for_numbers(operator: Operator, left: f64, right: f64) -> bool {
    match operator {
        Operator::Equal => left == right,
        Operator::Unequal => left != right,
        Operator::Less => left < right,
        Operator::LessOrEqual => left <= right,
        Operator::Greater => left > right,
        Operator::GreaterOrEqual => left >= right,
        Operator::Or
        | Operator::And
        | Operator::Add
        | Operator::Subtract
        | Operator::Multiply
        | Operator::Divide
        | Operator::Remainder
        | Operator::Union => false,
    }
}
