"""Google's SDK, unmodified."""

import pytest
from google import genai
from google.genai import errors, types
from pydantic import BaseModel

from conftest import KEY, URL, gateway_only

pytestmark = gateway_only


class City(BaseModel):
    name: str
    people: int


@pytest.fixture
def google():
    yield genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=URL))


WEATHER = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="weather",
            description="The weather of a city",
            parameters=types.Schema(
                type=types.Type.OBJECT,
                properties={"city": types.Schema(type=types.Type.STRING)},
                required=["city"],
            ),
        )
    ]
)


def test_answers(google, any_model):
    config = types.GenerateContentConfig(system_instruction="Be brief.")
    answer = google.models.generate_content(model=any_model, contents="hello é漢🦀", config=config)
    assert answer.text == "You said: hello é漢🦀 é漢🦀."
    usage = answer.usage_metadata
    assert 0 < usage.prompt_token_count and 0 < usage.candidates_token_count
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP


def test_streams(google, any_model):
    chunks = list(google.models.generate_content_stream(model=any_model, contents="hello é漢🦀"))
    assert "".join(chunk.text or "" for chunk in chunks) == "You said: hello é漢🦀 é漢🦀."
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP


def test_tools_go_there_and_back(google, any_model):
    config = types.GenerateContentConfig(
        tools=[WEATHER], automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True)
    )
    question = types.Content(role="user", parts=[types.Part(text="[[tools 2]] How is the weather?")])
    answer = google.models.generate_content(model=any_model, contents=[question], config=config)
    calls = answer.function_calls
    assert [call.name for call in calls] == ["weather", "weather"] and calls[0].args["city"]
    results = [
        types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response={"result": "sunny"}))
        for call in calls
    ]
    contents = [question, answer.candidates[0].content, types.Content(role="user", parts=results)]
    answer = google.models.generate_content(model=any_model, contents=contents, config=config)
    assert "The tools answered:" in answer.text and "sunny" in answer.text


def test_structured_output(google, any_model):
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=City)
    answer = google.models.generate_content(model=any_model, contents="Which city?", config=config)
    assert isinstance(answer.parsed, City)


def test_a_cut_answer_says_so(google, any_model):
    if any_model == "chat-workers-ai":
        pytest.skip("Workers AI's run does not tell why it stopped")
    config = types.GenerateContentConfig(max_output_tokens=16)
    answer = google.models.generate_content(model=any_model, contents="[[tokens 50]]", config=config)
    assert answer.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS


def test_tokens_are_counted(google, any_model):
    assert 0 < google.models.count_tokens(model=any_model, contents="hello").total_tokens


def test_models_are_listed(http):
    listed = http.get("/v1beta/models", headers={"x-goog-api-key": KEY}).json()["models"]
    assert "models/chat-openai" in [model["name"] for model in listed]


def test_errors_are_the_sdks(google, any_model):
    with pytest.raises(errors.ClientError) as caught:
        google.models.generate_content(model=any_model, contents="[[fault status=429]]")
    assert caught.value.code == 429
    with pytest.raises(errors.ClientError) as caught:
        google.models.generate_content(model="no-such-model", contents="hi")
    assert caught.value.code == 404
    with pytest.raises(errors.APIError):
        list(google.models.generate_content_stream(model=any_model, contents="[[tokens 9]] [[fault error=3,between=20]]"))
