//! What every answer must be like, whatever was asked.

use kukri_api::Response;
use serde_json::Value as Json;

/// The answer, or what is wrong with it.
pub fn check(response: &Response) -> Result<Json, String> {
    let text = String::from_utf8(response.body.to_vec()).map_err(|error| error.to_string())?;
    let answer: Json = serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
    let Json::Object(map) = &answer else { return Err(text) };
    if !map.contains_key("data") || map.keys().any(|key| key != "data" && key != "errors") {
        return Err(format!("other keys: {text}"));
    }
    let Some(errors) = map.get("errors") else {
        return if response.failed.is_none() && map["data"].is_object() { Ok(answer) } else { Err(text) };
    };
    if !map["data"].is_null() || response.failed.is_none() || errors.as_array().is_none_or(Vec::is_empty) {
        return Err(format!("errors and data: {text}"));
    }
    for error in errors.as_array().into_iter().flatten() {
        let known = ["message", "path", "locations", "extensions"];
        let keys = error.as_object().ok_or_else(|| text.clone())?;
        let message = error["message"].as_str().unwrap_or_default();
        if message.is_empty()
            || keys.iter().any(|(key, value)| !known.contains(&key.as_str()) || value.is_null())
        {
            return Err(format!("a wrong error: {text}"));
        }
        if message.contains("defect of the engine") {
            return Err(format!("an operation panicked: {text}"));
        }
    }
    Ok(answer)
}
