"""The OpenAI SDK, unmodified."""

import json
import math
import threading
import uuid

import openai
import pytest
from pydantic import BaseModel

from conftest import DIRECT, KEY, PIXEL, URL, gateway_only

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "maximum": 3}},
            "required": ["city", "days"],
            "additionalProperties": False,
        },
    },
}
CLOCK = {
    "type": "function",
    "function": {"name": "clock", "description": "The time", "parameters": {"type": "object", "properties": {}}},
}


def user(text):
    return [{"role": "user", "content": text}]


def text_of(chunks):
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


class TestChat:
    def test_answers(self, oai, model):
        answer = oai.chat.completions.create(model=model, messages=user("hello é漢🦀"))
        assert answer.object == "chat.completion"
        assert answer.choices[0].message.role == "assistant"
        assert answer.choices[0].message.content == "You said: hello é漢🦀 é漢🦀."
        assert answer.choices[0].finish_reason == "stop"

    def test_counts_tokens(self, oai, model):
        usage = oai.chat.completions.create(model=model, messages=user("hello " * 40)).usage
        assert 50 < usage.prompt_tokens
        assert 0 < usage.completion_tokens
        assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
        assert 0 < usage.prompt_tokens_details.cached_tokens < usage.prompt_tokens

    @pytest.mark.parametrize("role", ["system", "developer"])
    def test_instructions_reach_the_model(self, oai, model, role):
        messages = [{"role": role, "content": "Be brief."}, *user("[[system]]")]
        answer = oai.chat.completions.create(model=model, messages=messages)
        assert answer.choices[0].message.content == "System: Be brief."

    def test_several_turns(self, oai, model):
        messages = [*user("one"), {"role": "assistant", "content": "two"}, *user("three")]
        answer = oai.chat.completions.create(model=model, messages=messages)
        assert "three" in answer.choices[0].message.content

    def test_neighbours_of_one_role(self, oai, model):
        answer = oai.chat.completions.create(model=model, messages=[*user("first"), *user("second")])
        assert "second" in answer.choices[0].message.content

    def test_image(self, oai, model):
        content = [
            {"type": "text", "text": "what is this?"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
        ]
        answer = oai.chat.completions.create(model=model, messages=[{"role": "user", "content": content}])
        assert f"image/png ({len(PIXEL)})" in answer.choices[0].message.content

    def test_stop_sequence(self, oai, model):
        answer = oai.chat.completions.create(model=model, messages=user("[[stop]]"), stop=["END", "FIN"])
        assert answer.choices[0].message.content == "Before the stop, é漢🦀. "
        assert answer.choices[0].finish_reason == "stop"

    def test_token_limit(self, oai, model):
        answer = oai.chat.completions.create(
            model=model, messages=user("[[tokens 50]]"), max_completion_tokens=5
        )
        assert answer.choices[0].finish_reason == "length"
        assert answer.choices[0].message.content == "w0 w1 w2 w3 w4 "

    def test_refusal(self, oai, model):
        choice = oai.chat.completions.create(model=model, messages=user("[[refuse]]")).choices[0]
        assert choice.message.refusal or choice.finish_reason == "content_filter"

    def test_reasoning_is_counted(self, oai, model):
        answer = oai.chat.completions.create(
            model=model, messages=user("[[think]] why?"), reasoning_effort="low", max_completion_tokens=9000
        )
        assert 0 < answer.usage.completion_tokens_details.reasoning_tokens < answer.usage.completion_tokens
        reasoning = (answer.choices[0].message.model_extra or {}).get("reasoning_content")
        assert reasoning and "characters" in reasoning

    def test_reasoning_comes_back(self, oai, model):
        first = oai.chat.completions.create(
            model=model, messages=user("[[think]] why?"), reasoning_effort="low", max_completion_tokens=9000
        )
        turn = first.choices[0].message.model_dump(exclude_none=True, exclude={"annotations"})
        second = oai.chat.completions.create(
            model=model,
            messages=[*user("[[think]] why?"), turn, *user("and now?")],
            reasoning_effort="low",
            max_completion_tokens=9000,
        )
        assert "and now?" in second.choices[0].message.content

    def test_raw_response_headers(self, oai, model):
        raw = oai.chat.completions.with_raw_response.create(model=model, messages=user("hi"))
        assert raw.headers["content-type"].startswith("application/json")
        if not DIRECT:
            assert raw.headers["sluice-request-id"]
            assert raw.headers["sluice-attempts"] == "1"
            assert "/" in raw.headers["sluice-target"]


class TestStream:
    def test_streams(self, oai, model):
        chunks = list(oai.chat.completions.create(model=model, messages=user("hello é漢🦀"), stream=True))
        assert text_of(chunks) == "You said: hello é漢🦀 é漢🦀."
        assert chunks[0].choices[0].delta.role == "assistant"
        assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
        assert all(chunk.usage is None for chunk in chunks), "usage was not asked for"
        assert len({chunk.id for chunk in chunks}) == 1

    def test_usage_comes_last(self, oai, model):
        *chunks, last = oai.chat.completions.create(
            model=model,
            messages=user("hello " * 40),
            stream=True,
            stream_options={"include_usage": True},
        )
        assert last.choices == []
        assert last.usage.total_tokens == last.usage.prompt_tokens + last.usage.completion_tokens
        assert 0 < last.usage.prompt_tokens_details.cached_tokens
        assert all(chunk.usage is None for chunk in chunks)

    def test_says_the_same_as_a_whole_answer(self, oai, model):
        ask = {"model": model, "messages": user("[[tokens 120]]"), "max_completion_tokens": 500}
        whole = oai.chat.completions.create(**ask)
        chunks = list(oai.chat.completions.create(**ask, stream=True))
        assert text_of(chunks) == whole.choices[0].message.content

    def test_helper(self, oai, model):
        with oai.chat.completions.stream(model=model, messages=user("hi")) as stream:
            for _ in stream:
                pass
            answer = stream.get_final_completion()
        assert answer.choices[0].message.content == "You said: hi é漢🦀."

    def test_reasoning(self, oai, model):
        chunks = list(
            oai.chat.completions.create(
                model=model,
                messages=user("[[think]] why?"),
                reasoning_effort="low",
                max_completion_tokens=9000,
                stream=True,
            )
        )
        reasoning = "".join(
            (choice.delta.model_extra or {}).get("reasoning_content") or ""
            for chunk in chunks
            for choice in chunk.choices
        )
        assert "characters" in reasoning
        assert text_of(chunks).startswith("You said:")

    def test_refusal(self, oai, model):
        chunks = list(oai.chat.completions.create(model=model, messages=user("[[refuse]]"), stream=True))
        refusal = "".join(c.choices[0].delta.refusal or "" for c in chunks if c.choices)
        finish = [c.choices[0].finish_reason for c in chunks if c.choices][-1]
        assert refusal or finish == "content_filter"

    def test_hang_up(self, oai, model):
        with oai.chat.completions.create(
            model=model, messages=user("[[tokens 500]] [[fault between=20]]"), stream=True
        ) as stream:
            for number, _ in enumerate(stream):
                if number == 3:
                    break
        assert oai.chat.completions.create(model=model, messages=user("still there?")).choices


class TestTools:
    def call(self, oai, model, text, **more):
        return oai.chat.completions.create(model=model, messages=user(text), tools=[WEATHER, CLOCK], **more)

    def test_one_call(self, oai, model):
        choice = self.call(oai, model, "[[tool]]").choices[0]
        assert choice.finish_reason == "tool_calls"
        [call] = choice.message.tool_calls
        assert call.type == "function" and call.id
        assert call.function.name == "weather"
        assert json.loads(call.function.arguments) == {"city": 'city "é漢🦀"', "days": 3}

    def test_parallel_calls(self, oai, model):
        calls = self.call(oai, model, "[[tools 3]]").choices[0].message.tool_calls
        assert [call.function.name for call in calls] == ["weather", "clock", "weather"]
        assert len({call.id for call in calls}) == 3

    def test_one_at_a_time(self, oai, model):
        answer = self.call(oai, model, "[[tools 3]]", parallel_tool_calls=False)
        assert len(answer.choices[0].message.tool_calls) == 1

    def test_forced(self, oai, model):
        named = {"type": "function", "function": {"name": "clock"}}
        answer = self.call(oai, model, "hello", tool_choice=named)
        assert answer.choices[0].message.tool_calls[0].function.name == "clock"
        answer = self.call(oai, model, "hello", tool_choice="required")
        assert answer.choices[0].message.tool_calls
        answer = self.call(oai, model, "[[tool]]", tool_choice="none")
        assert not answer.choices[0].message.tool_calls

    def test_text_before_calls(self, oai, model):
        message = self.call(oai, model, "[[tool]] [[preamble]]").choices[0].message
        assert message.content == "Let me look that up, é漢🦀."
        assert message.tool_calls

    def test_streamed(self, oai, model):
        calls = {}
        finish = None
        for chunk in self.call(oai, model, "[[tools 2]] [[preamble]]", stream=True):
            for choice in chunk.choices:
                finish = choice.finish_reason or finish
                for delta in choice.delta.tool_calls or []:
                    call = calls.setdefault(delta.index, {"id": None, "name": None, "arguments": ""})
                    call["id"] = call["id"] or delta.id
                    call["name"] = call["name"] or delta.function.name
                    call["arguments"] += delta.function.arguments or ""
        assert finish == "tool_calls"
        assert sorted(calls) == [0, 1], "indices count calls, from 0"
        assert calls[0]["name"] == "weather" and calls[0]["id"]
        assert json.loads(calls[0]["arguments"])["city"] == 'city "é漢🦀"'
        assert calls[1]["name"] == "clock"
        assert json.loads(calls[1]["arguments"]) == {}

    def test_results_go_back(self, oai, model):
        first = self.call(oai, model, "[[tools 2]]").choices[0].message
        results = [
            {"role": "tool", "tool_call_id": call.id, "content": f"result {number}"}
            for number, call in enumerate(first.tool_calls)
        ]
        answer = oai.chat.completions.create(
            model=model,
            messages=[*user("[[tools 2]]"), first.model_dump(exclude_none=True), *results],
            tools=[WEATHER, CLOCK],
        )
        assert answer.choices[0].message.content == "The tools answered: result 0; result 1. é漢🦀"

    def test_cut_short(self, oai, model):
        choice = self.call(oai, model, "[[tool]] [[length]]").choices[0]
        assert choice.finish_reason == "length", "length beats tool_calls"


class Place(BaseModel):
    name: str
    visited: bool


class Trip(BaseModel):
    days: int
    places: list[Place]


class TestStructuredOutput:
    def test_parse(self, oai, model):
        answer = oai.chat.completions.parse(model=model, messages=user("plan"), response_format=Trip)
        trip = answer.choices[0].message.parsed
        assert trip.days == 7
        assert trip.places[0].visited is True
        assert "🦀" in trip.places[0].name

    def test_stream(self, oai, model):
        with oai.chat.completions.stream(
            model=model, messages=user("plan"), response_format=Trip
        ) as stream:
            for _ in stream:
                pass
            assert stream.get_final_completion().choices[0].message.parsed.days == 7

    def test_any_json(self, oai, model):
        answer = oai.chat.completions.create(
            model=model, messages=user("json please [[json]]"), response_format={"type": "json_object"}
        )
        assert isinstance(json.loads(answer.choices[0].message.content), dict)


class TestEmbeddings:
    def test_default_encoding(self, oai, embed_model):
        answer = oai.embeddings.create(model=embed_model, input="hello")
        vector = answer.data[0].embedding
        assert len(vector) == 64
        assert math.isclose(math.hypot(*vector), 1, abs_tol=1e-4)
        assert 0 < answer.usage.prompt_tokens

    def test_float_is_the_same(self, oai, embed_model):
        packed = oai.embeddings.create(model=embed_model, input="hello").data[0].embedding
        plain = oai.embeddings.create(model=embed_model, input="hello", encoding_format="float")
        assert plain.data[0].embedding == pytest.approx(packed, abs=1e-6)

    def test_base64_is_a_string(self, oai, embed_model):
        answer = oai.embeddings.create(model=embed_model, input="hello", encoding_format="base64")
        assert isinstance(answer.data[0].embedding, str)

    def test_dimensions(self, oai, embed_model):
        answer = oai.embeddings.create(model=embed_model, input="hello", dimensions=8)
        assert len(answer.data[0].embedding) == 8

    def test_list(self, oai, embed_model):
        answer = oai.embeddings.create(model=embed_model, input=["a", "b", "a"])
        assert [item.index for item in answer.data] == [0, 1, 2]
        assert answer.data[0].embedding == answer.data[2].embedding != answer.data[1].embedding

    def test_tokens(self, oai, embed_model):
        assert len(oai.embeddings.create(model=embed_model, input=[1, 2, 3]).data) == 1
        assert len(oai.embeddings.create(model=embed_model, input=[[1, 2], [3]]).data) == 2


class TestModels:
    def test_list(self, oai):
        names = [model.id for model in oai.models.list()]
        expected = {"mock-large"} if DIRECT else {"chat-openai", "chat-anthropic", "fallback", "embed"}
        assert expected <= set(names)

    def test_retrieve(self, oai, model):
        found = oai.models.retrieve(model)
        assert (found.id, found.object) == (model, "model")

    def test_unknown(self, oai):
        with pytest.raises(openai.NotFoundError):
            oai.models.retrieve("no-such-model")


class TestErrors:
    @gateway_only
    def test_bad_key(self):
        with openai.OpenAI(base_url=f"{URL}/v1", api_key="sk-sluice-wrong", max_retries=0) as client:
            with pytest.raises(openai.AuthenticationError) as caught:
                client.models.list()
        assert caught.value.code

    def test_unknown_model(self, oai):
        with pytest.raises(openai.NotFoundError) as caught:
            oai.chat.completions.create(model="missing-model", messages=user("hi"))
        assert caught.value.code == "model_not_found"

    def test_bad_request(self, oai, model):
        with pytest.raises(openai.BadRequestError) as caught:
            oai.chat.completions.create(model=model, messages=[{"role": "wizard", "content": "hi"}])
        assert caught.value.type == "invalid_request_error"

    def test_rate_limit(self, oai, model):
        with pytest.raises(openai.RateLimitError):
            oai.chat.completions.create(model=model, messages=user("[[fault status=429]]"))

    @pytest.mark.parametrize("status", [500, 503])
    def test_provider_down(self, oai, model, status):
        with pytest.raises(openai.InternalServerError):
            oai.chat.completions.create(model=model, messages=user(f"[[fault status={status}]]"))

    @gateway_only
    @pytest.mark.parametrize("clause", ["error200", "body=malformed", "body=empty", "reset", "status=401"])
    def test_provider_broken(self, oai, model, clause):
        with pytest.raises(openai.InternalServerError):
            oai.chat.completions.create(model=model, messages=user(f"[[fault {clause}]]"))

    def test_timeout(self, oai, model):
        with pytest.raises(openai.APITimeoutError):
            oai.with_options(timeout=0.4).chat.completions.create(
                model=model, messages=user("[[fault delay=3000]]")
            )

    def test_error_in_the_stream(self, oai, model):
        text = ""
        with pytest.raises(openai.APIError) as caught:
            for chunk in oai.chat.completions.create(
                model=model, messages=user("[[tokens 20]] [[fault error=3,between=20]]"), stream=True
            ):
                text += text_of([chunk])
        assert text == "w0 w1 w2 "
        assert caught.value.message

    @gateway_only
    @pytest.mark.parametrize("clause", ["cut=3,between=20", "end=3,between=20", "garbage=3,between=20"])
    def test_broken_stream_is_an_error(self, oai, model, clause):
        text = ""
        with pytest.raises(openai.APIError):
            for chunk in oai.chat.completions.create(
                model=model, messages=user(f"[[tokens 20]] [[fault {clause}]]"), stream=True
            ):
                text += text_of([chunk])
        assert text == "w0 w1 w2 "

    def test_an_outage_the_gateway_has_retried_is_not_retried_again(self, model):
        fault = f"[[fault status=503,times=1,id=oai-retry-{model}-{uuid.uuid4()}]]"
        with openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=2) as client:
            if DIRECT:
                answer = client.chat.completions.create(model=model, messages=user(fault))
                assert answer.choices[0].message.content
            else:
                # x-should-retry: false. A second request would have been answered.
                with pytest.raises(openai.InternalServerError):
                    client.chat.completions.create(model=model, messages=user(fault))


@gateway_only
class TestGateway:
    def test_fallback(self, oai):
        fault = "[[fault@primary status=500]] hello"
        raw = oai.chat.completions.with_raw_response.create(model="fallback", messages=user(fault))
        assert raw.parse().choices[0].message.content == "You said: hello é漢🦀."
        assert 1 < int(raw.headers["sluice-attempts"])

    def test_fallback_of_a_stream(self, oai):
        fault = "[[fault@primary error=0]] hello"
        chunks = list(oai.chat.completions.create(model="fallback", messages=user(fault), stream=True))
        assert text_of(chunks) == "You said: hello é漢🦀."

    def test_builtin(self, oai):
        question = (
            "The library opens at nine. The museum is closed on Mondays. Bread is sold at the market.\n"
            "When does the library open?"
        )
        answer = oai.chat.completions.create(model="builtin/extractive", messages=user(question))
        assert "nine" in answer.choices[0].message.content
        chunks = oai.chat.completions.create(
            model="builtin/extractive", messages=user(question), stream=True
        )
        assert text_of(chunks) == answer.choices[0].message.content

    def test_at_once(self, oai, model):
        """Answers to requests at the same time are not mixed up."""
        texts = {}

        def ask(number):
            stream = oai.chat.completions.create(
                model=model, messages=user(f"number {number} [[fault between=10]]"), stream=True
            )
            texts[number] = text_of(stream)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert texts == {number: f"You said: number {number} é漢🦀." for number in range(8)}
