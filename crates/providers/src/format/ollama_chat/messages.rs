//! Messages written for a provider: pictures in a list, arguments as objects, results by the tool's name.

use crate::format::{
    json::{self, ObjectWriter},
    one_text::messages::Message,
};

/// Writes one message.
pub(super) fn write(message: &Message<'_>, out: &mut Vec<u8>) {
    let mut object = ObjectWriter::open(out);
    object.set("role", message.role);
    object.set("content", &message.text);
    // What nobody sealed is plain text, which is how this server's models take their thoughts back.
    if !message.thought.is_empty() {
        object.set("thinking", &message.thought);
    }
    if !message.images.is_empty() {
        json::list(object.member("images"), &message.images, |out, (_, data)| json::write(out, data));
    }
    if !message.calls.is_empty() {
        json::list(object.member("tool_calls"), &message.calls, |out, called| {
            let mut call = ObjectWriter::open(out);
            call.set("id", called.id);
            let mut function = ObjectWriter::open(call.member("function"));
            function.set("name", called.name);
            function.raw("arguments", called.arguments);
            function.close();
            call.close();
        });
    }
    if let Some((call, tool)) = message.answers {
        object.set_some("tool_name", tool.as_ref());
        object.set("tool_call_id", call);
    }
    object.close();
}
