"""The OpenAI SDK's moderations, images, speech and transcriptions, unmodified."""

import base64

MODEL = "chat-openai"


def test_a_text_is_moderated(oai):
    assert oai.moderations.create(model=MODEL, input="violence").results[0].flagged
    assert not oai.moderations.create(model=MODEL, input="peace").results[0].flagged


def test_pictures_are_made(oai):
    answer = oai.images.generate(model=MODEL, prompt="a cat")
    assert base64.b64decode(answer.data[0].b64_json).startswith(b"picture of a cat")
    assert answer.usage.output_tokens == 20


def test_pictures_stream(oai):
    events = list(oai.images.generate(model=MODEL, prompt="a cat", stream=True, partial_images=1))
    assert [event.type for event in events] == ["image_generation.partial_image", "image_generation.completed"]


def test_sound_is_made(oai):
    with oai.audio.speech.with_streaming_response.create(model=MODEL, input="hello", voice="alloy") as answer:
        assert answer.headers["content-type"] == "audio/mpeg"
        assert answer.read() == b"ID3\0sound of hello"


def test_a_recording_is_written_down(oai):
    answer = oai.audio.transcriptions.create(model=MODEL, file=("a.wav", b"RIFF" * 100))
    assert answer.text == "A recording of 400 bytes."
    events = list(oai.audio.transcriptions.create(model=MODEL, file=("a.wav", b"RIFF"), stream=True))
    assert events[-1].text == "A recording of 4 bytes."
