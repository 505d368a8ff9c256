//! The page: contents, the calls by their groups, the shapes of bodies, the errors.

use serde_json::Value;

use super::html::Html;

/// The methods in the order in which a group has them.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// A call of the document.
struct Call<'a> {
    method: &'static str,
    path: &'a str,
    operation: &'a Value,
}

/// The page of a document, with this style.
pub(super) fn of(document: &Value, style: &str) -> String {
    let mut html = Html::default();
    let title = text(&document["info"]["title"]);
    html.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
        .raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
        .within("<title>", title, " API</title>\n")
        .raw("<style>")
        .raw(style)
        .raw("</style>\n</head>\n<body>\n");
    contents(&mut html, document);
    html.raw("<main>\n");
    introduction(&mut html, document);
    for tag in list(&document["tags"]) {
        group(&mut html, document, tag);
    }
    shapes(&mut html, document);
    errors(&mut html, document);
    html.raw("</main>\n<a class=\"up\" href=\"#contents\">Contents</a>\n</body>\n</html>\n");
    html.finished()
}

fn contents(html: &mut Html, document: &Value) {
    // Open on a wide screen by its style; on a narrow one a touch opens it.
    html.raw("<nav id=\"contents\">\n<details>\n<summary>Contents</summary>\n");
    for tag in list(&document["tags"]) {
        let name = text(&tag["name"]);
        html.within("<p><a href=\"#group-", &slug(name), "\">")
            .text(name)
            .raw("</a></p>\n<ul>\n");
        for call in calls_of(document, name) {
            html.within(
                "<li><a href=\"#",
                text(&call.operation["operationId"]),
                "\">",
            )
            .prose(text(&call.operation["summary"]))
            .raw("</a></li>\n");
        }
        html.raw("</ul>\n");
    }
    html.raw("<p><a href=\"#shapes\">shapes</a></p>\n<p><a href=\"#errors\">errors</a></p>\n")
        .raw("</details>\n</nav>\n");
}

fn introduction(html: &mut Html, document: &Value) {
    let info = &document["info"];
    html.within("<header>\n<h1>", text(&info["title"]), " API</h1>\n")
        .raw("<p>")
        .prose(text(&info["description"]))
        .within("</p>\n<p>Version ", text(&info["version"]), ". ")
        .raw("The same for programs: <a href=\"/openapi.json\">openapi.json</a>.</p>\n");
    for (_, scheme) in members(&document["components"]["securitySchemes"]) {
        html.raw("<p><code>Authorization: Bearer …</code> ")
            .prose(text(&scheme["description"]))
            .raw("</p>\n");
    }
    html.raw("</header>\n");
}

fn group(html: &mut Html, document: &Value, tag: &Value) {
    let name = text(&tag["name"]);
    html.within("<section id=\"group-", &slug(name), "\">\n")
        .within("<h2>", name, "</h2>\n<p>")
        .prose(text(&tag["description"]))
        .raw("</p>\n");
    for call in calls_of(document, name) {
        shown(html, document, &call);
    }
    html.raw("</section>\n");
}

fn shown(html: &mut Html, document: &Value, call: &Call<'_>) {
    let operation = call.operation;
    let id = text(&operation["operationId"]);
    html.within("<article id=\"", id, "\">\n<h3>")
        .within("<a href=\"#", id, "\">")
        .prose(text(&operation["summary"]))
        .raw("</a></h3>\n")
        .within("<p class=\"call\"><b class=\"", call.method, "\">")
        .text(&call.method.to_uppercase())
        .raw("</b> <code>")
        .path(call.path)
        .raw("</code></p>\n");
    let description = text(&operation["description"]);
    // Where the summary says it all, it is said once.
    if description.trim_end_matches('.') != text(&operation["summary"]) {
        for paragraph in description.split("\n\n") {
            html.raw("<p>").prose(paragraph).raw("</p>\n");
        }
    }
    if list(&operation["security"])
        .iter()
        .any(|needs| *needs == serde_json::json!({}))
    {
        html.raw("<p>Needs no key.</p>\n");
    }
    parameters(html, document, operation);
    let body = &operation["requestBody"];
    let contents = members(&body["content"]);
    if !contents.is_empty() {
        html.raw("<h4>Body</h4>\n");
    }
    for (content_type, content) in contents {
        let optional = if body["required"] == true {
            ""
        } else {
            ", may be left out"
        };
        html.raw("<p>").text(content_type).text(optional);
        shape_link(html, &content["schema"]);
        html.raw("</p>\n");
        example(html, &content["example"]);
    }
    html.raw("<h4>Answers</h4>\n");
    for (status, response) in members(&operation["responses"]) {
        answer(html, document, status, target(document, response));
    }
    html.raw("</article>\n");
}

fn parameters(html: &mut Html, document: &Value, operation: &Value) {
    let parameters = list(&operation["parameters"]);
    if parameters.is_empty() {
        return;
    }
    html.raw("<h4>Parameters</h4>\n<dl>\n");
    for parameter in parameters {
        let parameter = target(document, parameter);
        html.within("<dt><code>", text(&parameter["name"]), "</code> ")
            .within("<small>", text(&parameter["in"]), "")
            .raw(if parameter["required"] == true {
                ", required"
            } else {
                ""
            })
            .raw("</small></dt>\n<dd>")
            .prose(text(&parameter["description"]));
        rules(html, &parameter["schema"]);
        html.raw("</dd>\n");
    }
    html.raw("</dl>\n");
}

fn answer(html: &mut Html, document: &Value, status: &str, response: &Value) {
    let class = if status.starts_with('2') {
        "good"
    } else {
        "bad"
    };
    html.within("<details class=\"", class, "\">\n<summary>")
        .within("<b>", status, "</b> ")
        .prose(text(&response["description"]))
        .raw("</summary>\n");
    for (content_type, content) in members(&response["content"]) {
        html.raw("<p>").text(content_type);
        shape_link(html, &content["schema"]);
        html.raw("</p>\n");
        example(html, &content["example"]);
        let codes = members(&content["examples"]);
        if !codes.is_empty() {
            html.raw("<ul>\n");
            for (code, reference) in codes {
                html.within("<li><a href=\"#error-", code, "\"><code>")
                    .within("", code, "</code></a> ")
                    .prose(text(&target(document, reference)["summary"]))
                    .raw("</li>\n");
            }
            html.raw("</ul>\n");
        }
    }
    let headers = members(&response["headers"]);
    if !headers.is_empty() {
        html.raw("<dl>\n");
        for (name, header) in headers {
            html.within(
                "<dt><code>",
                name,
                "</code> <small>header</small></dt>\n<dd>",
            )
            .prose(text(&target(document, header)["description"]))
            .raw("</dd>\n");
        }
        html.raw("</dl>\n");
    }
    html.raw("</details>\n");
}

fn shapes(html: &mut Html, document: &Value) {
    html.raw("<section id=\"shapes\">\n<h2>shapes</h2>\n")
        .raw("<p>What bodies and answers are made of. Answers may gain fields.</p>\n");
    for (name, schema) in members(&document["components"]["schemas"]) {
        html.within("<article id=\"shape-", name, "\">\n<h3>")
            .within("<a href=\"#shape-", name, "\">")
            .text(name)
            .raw("</a></h3>\n<p>")
            .prose(text(&schema["description"]));
        rules(html, schema);
        html.raw("</p>\n");
        let required = list(&schema["required"]);
        let fields = members(&schema["properties"]);
        if !fields.is_empty() {
            html.raw("<dl>\n");
            for (field, schema) in fields {
                let is_required = required.iter().any(|required| required == field);
                html.within("<dt><code>", field, "</code> <small>")
                    .text(&kind(schema))
                    .raw(if is_required { "" } else { ", optional" })
                    .raw("</small>");
                shape_link(html, schema);
                html.raw("</dt>\n<dd>").prose(&description(schema));
                rules(html, schema);
                html.raw("</dd>\n");
            }
            html.raw("</dl>\n");
        }
        for choice in list(&schema["oneOf"]) {
            html.raw("<p>").prose(&description(choice));
            shape_link(html, choice);
            html.raw("</p>\n");
        }
        html.raw("</article>\n");
    }
    html.raw("</section>\n");
}

fn errors(html: &mut Html, document: &Value) {
    html.raw("<section id=\"errors\">\n<h2>errors</h2>\n<dl>\n");
    for (code, example) in members(&document["components"]["examples"]) {
        let error_type = text(&example["value"]["errors"][0]["type"]);
        html.within("<dt id=\"error-", code, "\"><code>")
            .text(error_type)
            .within("/", code, "</code></dt>\n<dd>")
            .prose(text(&example["summary"]))
            .raw("</dd>\n");
    }
    html.raw("</dl>\n</section>\n");
}

fn example(html: &mut Html, example: &Value) {
    if !example.is_null() {
        // An object of JSON without a mistake in it is a text again.
        let shown = serde_json::to_string_pretty(example).unwrap_or_default();
        html.within("<pre>", &shown, "</pre>\n");
    }
}

/// A link to the shape that a schema refers to, by itself, in a list, or where it is not null.
fn shape_link(html: &mut Html, schema: &Value) {
    let places = [schema, &schema["items"], &schema["additionalProperties"]];
    let choices = list(&schema["oneOf"]);
    let reference = places
        .into_iter()
        .chain(choices)
        .find_map(|schema| schema["$ref"].as_str());
    if let Some(name) = reference.and_then(|reference| reference.rsplit('/').next()) {
        html.within(" <a href=\"#shape-", name, "\">")
            .text(name)
            .raw("</a>");
    }
}

/// What a schema says in numbers and names.
fn rules(html: &mut Html, schema: &Value) {
    let inner = match &schema["items"] {
        Value::Null => schema,
        items => items,
    };
    let names = list(&inner["enum"]).iter().filter_map(Value::as_str);
    let names: Vec<&str> = names.chain(inner["const"].as_str()).collect();
    if !names.is_empty() {
        html.raw(" <span class=\"rule\">");
        for (number, name) in names.iter().enumerate() {
            html.raw(if number > 0 { " · " } else { "" })
                .within("<code>", name, "</code>");
        }
        html.raw("</span>");
    }
    for (least, most, unit) in [
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
    ] {
        let bounds = match (schema.get(least), schema.get(most)) {
            (Some(least), Some(most)) => format!("{least} to {most}{unit}"),
            // That a count is not negative goes without saying.
            (Some(least), None) if *least == 0 => continue,
            (Some(least), None) => format!("{least}{unit} or more"),
            (None, Some(most)) => format!("{most}{unit} or less"),
            (None, None) => continue,
        };
        html.within(" <span class=\"rule\">", &bounds, "</span>");
    }
}

/// A schema's type, in words.
fn kind(schema: &Value) -> String {
    let of = |name: &str| match name {
        "array" => "list".to_owned(),
        other => other.to_owned(),
    };
    let own = match &schema["type"] {
        Value::String(name) => of(name),
        Value::Array(names) => {
            let names: Vec<String> = names.iter().filter_map(Value::as_str).map(of).collect();
            names.join(" or ")
        }
        _ => String::new(),
    };
    let is_nullable = list(&schema["oneOf"])
        .iter()
        .any(|choice| choice["type"] == "null");
    let format = text(&schema["format"]);
    match (is_nullable, format) {
        (true, _) => "may be null".to_owned(),
        (false, "date-time") => format!("{own}, a moment"),
        (false, _) => own,
    }
}

/// A schema's description, or that of the choice that is not null.
fn description(schema: &Value) -> String {
    let choices = list(&schema["oneOf"]).iter();
    let mut all = std::iter::once(schema).chain(choices);
    all.find_map(|schema| schema["description"].as_str())
        .unwrap_or_default()
        .to_owned()
}

fn calls_of<'a>(document: &'a Value, tag: &str) -> Vec<Call<'a>> {
    let mut calls = Vec::new();
    for (path, item) in members(&document["paths"]) {
        for method in METHODS {
            if let Some(operation) = item.get(method)
                && operation["tags"][0] == tag
            {
                calls.push(Call {
                    method,
                    path,
                    operation,
                });
            }
        }
    }
    calls
}

fn target<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let place = value["$ref"].as_str();
    let found = place.and_then(|place| document.pointer(place.trim_start_matches('#')));
    found.unwrap_or(value)
}

fn members(value: &Value) -> Vec<(&str, &Value)> {
    let members = value.as_object().into_iter().flatten();
    members
        .map(|(name, value)| (name.as_str(), value))
        .collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn slug(name: &str) -> String {
    name.replace(' ', "-")
}
