"""The Anthropic SDK, unmodified."""

import anthropic
import pytest
from pydantic import BaseModel

from conftest import DIRECT, KEY, PIXEL, URL, gateway_only

WEATHER = {
    "name": "weather",
    "description": "The weather of a city",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "maximum": 3}},
        "required": ["city", "days"],
        "additionalProperties": False,
    },
}
CLOCK = {"name": "clock", "description": "The time", "input_schema": {"type": "object", "properties": {}}}


def user(content):
    return [{"role": "user", "content": content}]


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


def total_input(usage):
    return (
        usage.input_tokens + (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    )


def finish(stream):
    """Reads a stream to its end and returns the message it makes."""
    with stream as events:
        return events.get_final_message()


class TestMessages:
    def create(self, ant, model, content, **more):
        return ant.messages.create(**{"model": model, "max_tokens": 500, "messages": user(content)} | more)

    def test_answers(self, ant, model):
        message = self.create(ant, model, "hello é漢🦀")
        assert (message.type, message.role, message.stop_reason) == ("message", "assistant", "end_turn")
        assert text_of(message) == "You said: hello é漢🦀 é漢🦀."

    def test_counts_tokens(self, ant, model):
        usage = self.create(ant, model, "hello " * 40).usage
        assert 50 < total_input(usage)
        assert 0 < usage.cache_read_input_tokens
        assert usage.input_tokens < total_input(usage), "cached tokens are not part of input_tokens"
        assert 0 < usage.output_tokens

    def test_instructions_reach_the_model(self, ant, model):
        assert text_of(self.create(ant, model, "[[system]]", system="Be brief.")) == "System: Be brief."
        blocks = [{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}]
        assert text_of(self.create(ant, model, "[[system]]", system=blocks)) == "System: Be kind."

    def test_several_turns(self, ant, model):
        messages = [*user("one"), {"role": "assistant", "content": "two"}, *user("three")]
        assert "three" in text_of(self.create(ant, model, "", messages=messages))

    def test_image(self, ant, model):
        source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
        content = [{"type": "image", "source": source}, {"type": "text", "text": "what is this?"}]
        assert f"image/png ({len(PIXEL)})" in text_of(self.create(ant, model, content))

    def test_stop_sequence(self, ant, model):
        message = self.create(ant, model, "[[stop]]", stop_sequences=["END"])
        assert text_of(message) == "Before the stop, é漢🦀. "
        # OpenAI's format does not tell which stop it was, or whether.
        assert message.stop_reason == "stop_sequence" or model == "chat-openai"

    def test_token_limit(self, ant, model):
        message = self.create(ant, model, "[[tokens 50]]", max_tokens=5)
        assert message.stop_reason == "max_tokens"
        assert text_of(message) == "w0 w1 w2 w3 w4 "

    def test_refusal(self, ant, model):
        assert self.create(ant, model, "[[refuse]]").stop_reason == "refusal"

    def test_raw_response_headers(self, ant, model):
        raw = ant.messages.with_raw_response.create(model=model, max_tokens=50, messages=user("hi"))
        assert raw.headers["content-type"].startswith("application/json")
        if not DIRECT:
            assert raw.headers["sluice-request-id"]

    def test_counting_without_asking(self, ant, model):
        count = ant.messages.count_tokens(model=model, messages=user("hello " * 40), system="Be brief.")
        assert 30 < count.input_tokens < 300


class TestThinking:
    THINK = {"type": "enabled", "budget_tokens": 2000}

    def create(self, ant, model, messages, **more):
        return ant.messages.create(
            model=model, max_tokens=9000, thinking=self.THINK, messages=messages, **more
        )

    def test_thinks(self, ant, model):
        message = self.create(ant, model, user("[[think]] why?"))
        assert [block.type for block in message.content] == ["thinking", "text"]
        assert "characters" in message.content[0].thinking
        if model != "chat-openai":
            assert message.content[0].signature

    def test_thinking_comes_back(self, ant, model):
        first = self.create(ant, model, user("[[think]] why?"))
        turn = {"role": "assistant", "content": first.content}
        second = self.create(ant, model, [*user("[[think]] why?"), turn, *user("and now?")])
        assert "and now?" in text_of(second)

    def test_thinking_comes_back_with_tool_results(self, ant, model):
        first = self.create(ant, model, user("[[think]] [[tool]]"), tools=[WEATHER])
        [call] = [block for block in first.content if block.type == "tool_use"]
        turn = {"role": "assistant", "content": first.content}
        result = user([{"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}])
        second = self.create(ant, model, [*user("[[think]] [[tool]]"), turn, *result], tools=[WEATHER])
        assert "sunny" in text_of(second)

    def test_redacted(self, ant):
        model = "mock-large" if DIRECT else "chat-anthropic"
        first = self.create(ant, model, user("[[redacted]] why?"))
        assert "redacted_thinking" in [block.type for block in first.content]
        turn = {"role": "assistant", "content": first.content}
        assert self.create(ant, model, [*user("[[redacted]] why?"), turn, *user("go on")]).content

    def test_streamed(self, ant, model):
        message = finish(
            ant.messages.stream(
                model=model, max_tokens=9000, thinking=self.THINK, messages=user("[[think]] why?")
            )
        )
        assert [block.type for block in message.content] == ["thinking", "text"]
        turn = {"role": "assistant", "content": message.content}
        assert self.create(ant, model, [*user("[[think]] why?"), turn, *user("and now?")]).content

    def test_a_token_limit_leaves_room(self, ant, model):
        with pytest.raises(anthropic.BadRequestError):
            ant.messages.create(
                model="mock-large" if DIRECT else "chat-anthropic",
                max_tokens=1000,
                thinking=self.THINK,
                messages=user("hi"),
            )


class TestStream:
    def test_streams(self, ant, model):
        with ant.messages.stream(model=model, max_tokens=500, messages=user("hello é漢🦀")) as stream:
            text = "".join(stream.text_stream)
            message = stream.get_final_message()
        assert text == "You said: hello é漢🦀 é漢🦀."
        assert message.stop_reason == "end_turn"
        assert 0 < message.usage.output_tokens
        assert 0 < total_input(message.usage)

    def test_order_of_events(self, ant, model):
        events = list(
            ant.messages.create(model=model, max_tokens=500, messages=user("hello"), stream=True)
        )
        kinds = [event.type for event in events if event.type != "ping"]
        assert kinds[:2] == ["message_start", "content_block_start"]
        assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]

    def test_usage_is_that_of_a_whole_answer(self, ant, model):
        ask = {"model": model, "max_tokens": 500, "messages": user("hello " * 40)}
        whole = ant.messages.create(**ask).usage
        streamed = finish(ant.messages.stream(**ask)).usage
        assert total_input(whole) == pytest.approx(total_input(streamed), abs=8)
        assert whole.output_tokens == streamed.output_tokens

    def test_refusal(self, ant, model):
        message = finish(ant.messages.stream(model=model, max_tokens=50, messages=user("[[refuse]]")))
        assert message.stop_reason == "refusal"

    def test_hang_up(self, ant, model):
        text = "[[tokens 500]] [[fault between=20]]"
        with ant.messages.stream(model=model, max_tokens=900, messages=user(text)) as stream:
            for number, _ in enumerate(stream.text_stream):
                if number == 3:
                    break
        assert ant.messages.create(model=model, max_tokens=50, messages=user("still there?")).content


class TestTools:
    def ask(self, model, text, **more):
        ask = {"model": model, "max_tokens": 500, "messages": user(text), "tools": [WEATHER, CLOCK]}
        return ask | more

    def calls(self, message):
        return [block for block in message.content if block.type == "tool_use"]

    def test_one_call(self, ant, model):
        message = ant.messages.create(**self.ask(model, "[[tool]]"))
        assert message.stop_reason == "tool_use"
        [call] = self.calls(message)
        assert (call.name, call.input) == ("weather", {"city": 'city "é漢🦀"', "days": 3})

    def test_parallel_calls(self, ant, model):
        calls = self.calls(ant.messages.create(**self.ask(model, "[[tools 3]]")))
        assert [call.name for call in calls] == ["weather", "clock", "weather"]
        assert len({call.id for call in calls}) == 3

    def test_one_at_a_time(self, ant, model):
        choice = {"type": "auto", "disable_parallel_tool_use": True}
        message = ant.messages.create(**self.ask(model, "[[tools 3]]", tool_choice=choice))
        assert len(self.calls(message)) == 1

    @pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "clock"}])
    def test_forced(self, ant, model, choice):
        [call] = self.calls(ant.messages.create(**self.ask(model, "hello", tool_choice=choice)))
        assert call.name == choice.get("name", "weather")

    def test_forbidden(self, ant, model):
        message = ant.messages.create(**self.ask(model, "[[tool]]", tool_choice={"type": "none"}))
        assert not self.calls(message)

    def test_streamed(self, ant, model):
        message = finish(ant.messages.stream(**self.ask(model, "[[tools 2]] [[preamble]]")))
        assert [block.type for block in message.content] == ["text", "tool_use", "tool_use"]
        assert [call.input for call in self.calls(message)] == [{"city": 'city "é漢🦀"', "days": 3}, {}]
        assert message.stop_reason == "tool_use"

    def test_results_go_back(self, ant, model):
        first = ant.messages.create(**self.ask(model, "[[tools 2]]"))
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": f"result {number}"}
            for number, call in enumerate(self.calls(first))
        ]
        messages = [*user("[[tools 2]]"), {"role": "assistant", "content": first.content}, *user(results)]
        message = ant.messages.create(**self.ask(model, "", messages=messages))
        assert text_of(message) == "The tools answered: result 0; result 1. é漢🦀"

    def test_text_after_results(self, ant, model):
        first = ant.messages.create(**self.ask(model, "[[tool]]"))
        result = {"type": "tool_result", "tool_use_id": self.calls(first)[0].id, "content": "sunny"}
        last = user([result, {"type": "text", "text": "so, umbrella?"}])
        messages = [*user("[[tool]]"), {"role": "assistant", "content": first.content}, *last]
        message = ant.messages.create(**self.ask(model, "", messages=messages, tool_choice={"type": "none"}))
        assert "sunny" in text_of(message) or "umbrella" in text_of(message)


class Trip(BaseModel):
    days: int
    places: list[str]


class TestStructuredOutput:
    def test_parse(self, ant, model):
        message = ant.messages.parse(
            model=model, max_tokens=500, messages=user("plan"), output_format=Trip
        )
        assert message.parsed_output.days == 7
        assert "🦀" in message.parsed_output.places[0]


class TestModels:
    @gateway_only
    def test_list(self, ant):
        names = {model.id for model in ant.models.list()}
        assert {"chat-openai", "chat-anthropic", "fallback"} <= names

    def test_retrieve(self, ant, model):
        assert ant.models.retrieve(model).id == model


class TestErrors:
    def fails(self, ant, model, text, kind):
        with pytest.raises(kind) as caught:
            ant.messages.create(model=model, max_tokens=50, messages=user(text))
        assert caught.value.body["type"] == "error", f"not Anthropic's shape: {caught.value.body}"
        return caught.value

    def test_bad_key(self):
        if DIRECT:
            pytest.skip("the mock takes any key")
        with anthropic.Anthropic(base_url=URL, api_key="sk-sluice-wrong", max_retries=0) as client:
            error = self.fails(client, "chat-anthropic", "hi", anthropic.AuthenticationError)
        assert error.body["error"]["type"] == "authentication_error"

    def test_bearer_key(self, model):
        with anthropic.Anthropic(base_url=URL, api_key=None, auth_token=KEY, max_retries=0) as client:
            assert client.messages.create(model=model, max_tokens=50, messages=user("hi")).content

    def test_unknown_model(self, ant):
        error = self.fails(ant, "missing-model", "hi", anthropic.NotFoundError)
        assert error.body["error"]["type"] == "not_found_error"

    def test_bad_request(self, ant, model):
        with pytest.raises(anthropic.BadRequestError) as caught:
            ant.messages.create(model=model, max_tokens=50, messages=[{"role": "wizard", "content": "hi"}])
        assert caught.value.body["error"]["type"] == "invalid_request_error"

    def test_rate_limit(self, ant, model):
        error = self.fails(ant, model, "[[fault status=429]]", anthropic.RateLimitError)
        assert error.body["error"]["type"] == "rate_limit_error"

    @pytest.mark.parametrize("status", [500, 503, 529])
    def test_provider_down(self, ant, model, status):
        self.fails(ant, model, f"[[fault status={status}]]", anthropic.InternalServerError)

    def test_timeout(self, ant, model):
        with pytest.raises(anthropic.APITimeoutError):
            ant.with_options(timeout=0.4).messages.create(
                model=model, max_tokens=50, messages=user("[[fault delay=3000]]")
            )

    def test_error_in_the_stream(self, ant, model):
        text = ""
        with pytest.raises(anthropic.APIStatusError) as caught:
            content = "[[tokens 20]] [[fault error=3,between=20]]"
            with ant.messages.stream(model=model, max_tokens=500, messages=user(content)) as stream:
                for piece in stream.text_stream:
                    text += piece
        assert text == "w0 w1 w2 "
        assert caught.value.body["type"] == "error"

    @gateway_only
    @pytest.mark.parametrize("clause", ["cut=3,between=20", "end=3,between=20", "garbage=3,between=20"])
    def test_broken_stream_is_an_error(self, ant, model, clause):
        with pytest.raises(anthropic.APIStatusError) as caught:
            content = f"[[tokens 20]] [[fault {clause}]]"
            with ant.messages.stream(model=model, max_tokens=500, messages=user(content)) as stream:
                list(stream.text_stream)
        assert caught.value.body["type"] == "error"


@gateway_only
class TestGateway:
    def test_fallback(self, ant):
        text = "[[fault@primary status=500]] hello"
        message = ant.messages.create(model="fallback", max_tokens=50, messages=user(text))
        assert text_of(message) == "You said: hello é漢🦀."

    def test_fallback_of_a_stream(self, ant):
        text = "[[fault@primary error=0]] hello"
        message = finish(ant.messages.stream(model="fallback", max_tokens=50, messages=user(text)))
        assert text_of(message) == "You said: hello é漢🦀."

    def test_builtin(self, ant):
        text = "The library opens at nine. Bread is sold at the market.\nWhen does the library open?"
        message = ant.messages.create(model="builtin/extractive", max_tokens=500, messages=user(text))
        assert "nine" in text_of(message)
