//! `/api/openapi.json`, and `/docs`: the same description as a page with its style that needs nothing from anywhere else, not even a script.

use super::{Api, problem::KINDS};
use axum::{
    Router,
    http::{HeaderValue, header},
    response::{Html, IntoResponse},
    routing::get,
};
use serde_json::Value;
use std::{fmt::Write as _, sync::Arc};
use utoipa::openapi::OpenApi;

/// The two resources, made once.
pub(super) fn router(description: OpenApi) -> Router<Arc<Api>> {
    let value = serde_json::to_value(&description).unwrap_or_default();
    let page = Arc::<str>::from(page(&value));
    let json = Arc::<str>::from(value.to_string());
    Router::new()
        .route("/api/openapi.json", get(async move || ([(header::CONTENT_TYPE, "application/json")], json.to_string())))
        .route("/docs", get(async move || styled(&page)))
        .route("/docs/style.css", get(async || ([(header::CONTENT_TYPE, "text/css")], STYLE)))
}

fn styled(page: &str) -> impl IntoResponse + use<> {
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'self'; frame-ancestors 'none'");
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(page.to_owned()))
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}\
h1{margin-bottom:0}h2{border-bottom:1px solid #ccc;margin-top:2.5rem}h3{margin:2rem 0 .3rem}code{font:14px ui-monospace,monospace;background:#f2f2f2;\
padding:.1em .3em;border-radius:3px}.m{display:inline-block;min-width:4.2rem;text-align:center;border-radius:3px;padding:0 .4rem;margin-right:.5rem;\
color:#fff;background:#2b5d8a;font-size:.8em}.post{background:#2d7a46}.delete{background:#a33}table{border-collapse:collapse;width:100%;margin:.5rem 0}\
td,th{text-align:left;vertical-align:top;border-bottom:1px solid #ddd;padding:.25rem .6rem .25rem 0}\
@media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}code{background:#2a2a2a}td,th{border-color:#333}}";

fn page(api: &Value) -> String {
    let mut html = String::with_capacity(32 * 1024);
    let version = text(&api["info"]["version"]);
    let head = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Ironbell API {version}</title><link rel=\"stylesheet\" href=\"/docs/style.css\"></head><body><h1>Ironbell API</h1><p>Version {version}. {}</p>\
         <p>Send a key of the configuration with every request: <code>Authorization: Bearer KEY</code>. \
         The same description for programs: <a href=\"/api/openapi.json\">/api/openapi.json</a>.</p><h2>Resources</h2>",
        text(&api["info"]["description"])
    );
    html.push_str(&head);
    for (path, operations) in entries(&api["paths"]) {
        for (method, operation) in entries(operations) {
            resource(&mut html, path, method, operation);
        }
    }
    html.push_str("<h2>Shapes</h2>");
    for (name, schema) in entries(&api["components"]["schemas"]) {
        shape(&mut html, name, schema);
    }
    html.push_str("<h2>Problems</h2><table><tr><th>Status</th><th>Kind</th><th>Meaning</th></tr>");
    for (status, kind, title) in KINDS {
        let _ = write!(
            html,
            "<tr id=\"problem-{kind}\"><td>{}</td><td><code>{kind}</code></td><td>{title}</td></tr>",
            status.as_u16()
        );
    }
    html.push_str("</table></body></html>");
    html
}

fn resource(html: &mut String, path: &str, method: &str, operation: &Value) {
    let summary = text(&operation["summary"]);
    let _ = write!(
        html,
        "<h3><span class=\"m {method}\">{}</span><code>{}</code></h3><p>{summary}</p>",
        method.to_uppercase(),
        escape(path)
    );
    let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !parameters.is_empty() {
        html.push_str("<table><tr><th>Parameter</th><th>Meaning</th></tr>");
        for parameter in parameters {
            let (name, meaning) = (text(&parameter["name"]), text(&parameter["description"]));
            let _ = write!(html, "<tr><td><code>{name}</code></td><td>{meaning}</td></tr>");
        }
        html.push_str("</table>");
    }
    if let Some((_, content)) = entries(&operation["requestBody"]["content"]).next() {
        let _ = write!(html, "<p>Body: {}</p>", kind(&content["schema"]));
    }
    html.push_str("<table><tr><th>Answer</th><th>Body</th></tr>");
    for (status, response) in entries(&operation["responses"]) {
        let body =
            entries(&response["content"]).next().map(|(_, content)| kind(&content["schema"])).unwrap_or_default();
        let _ = write!(html, "<tr><td>{}</td><td>{body} {}</td></tr>", escape(status), text(&response["description"]));
    }
    html.push_str("</table>");
}

fn shape(html: &mut String, name: &str, schema: &Value) {
    let (name, meaning) = (escape(name), text(&schema["description"]));
    let _ = write!(
        html,
        "<h3 id=\"{name}\"><code>{name}</code></h3><p>{meaning}</p><table><tr><th>Field</th><th>Type</th><th>Meaning</th></tr>"
    );
    for (field, property) in entries(&schema["properties"]) {
        let _ = write!(
            html,
            "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
            escape(field),
            kind(property),
            text(&property["description"])
        );
    }
    html.push_str("</table>");
}

/// A schema in a word, with a link where it has a shape of its own.
fn kind(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = escape(reference.rsplit('/').next().unwrap_or(reference));
        return format!("<a href=\"#{name}\">{name}</a>");
    }
    for several in ["oneOf", "anyOf", "allOf"] {
        if let Some(kinds) = schema[several].as_array() {
            return kinds.iter().map(kind).collect::<Vec<_>>().join(" or ");
        }
    }
    match &schema["type"] {
        Value::String(name) if name == "array" => format!("list of {}", kind(&schema["items"])),
        Value::String(name) => escape(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).map(escape).collect::<Vec<_>>().join(" or "),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
    }
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn text(value: &Value) -> String {
    escape(value.as_str().unwrap_or(""))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_every_resource_and_loads_nothing() {
        let api = serde_json::to_value(super::super::openapi()).unwrap();
        let page = page(&api);
        for (path, _) in entries(&api["paths"]) {
            assert!(page.contains(&format!("<code>{path}</code>")), "{path} is missing");
        }
        for outside in ["http://", "https://", "<script", "src="] {
            assert!(!page.contains(outside), "the page holds {outside}");
        }
    }

    #[test]
    fn every_reference_of_the_description_leads_somewhere() {
        let api = serde_json::to_value(super::super::openapi()).unwrap();
        let text = api.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(api.pointer(reference).is_some(), "{reference} leads nowhere");
        }
    }
}
