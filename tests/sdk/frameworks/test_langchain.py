"""LangChain, unmodified."""

import pytest
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

from conftest import KEY, URL


class City(BaseModel):
    """A city."""

    name: str
    people: int


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


def openai_chat(model):
    return ChatOpenAI(base_url=f"{URL}/v1", api_key=KEY, model=model, max_retries=0)


def openai_responses(model):
    return ChatOpenAI(base_url=f"{URL}/v1", api_key=KEY, model=model, max_retries=0, use_responses_api=True)


def anthropic_messages(model):
    return ChatAnthropic(base_url=URL, api_key=KEY, model=model, max_retries=0, max_tokens=1000)


@pytest.fixture(params=[openai_chat, openai_responses, anthropic_messages])
def chat(request, model):
    return request.param(model)


def test_answers(chat):
    answer = chat.invoke([SystemMessage("Be brief."), HumanMessage("hello é漢🦀")])
    assert answer.text == "You said: hello é漢🦀 é漢🦀."
    assert 0 < answer.usage_metadata["input_tokens"] and 0 < answer.usage_metadata["output_tokens"]


def test_streams(chat):
    chunks = list(chat.stream("hello é漢🦀"))
    assert "".join(chunk.text for chunk in chunks) == "You said: hello é漢🦀 é漢🦀."
    assert 1 < len(chunks)


def test_tools_go_there_and_back(chat):
    bound = chat.bind_tools([weather])
    question = HumanMessage("[[tools 2]] How is the weather?")
    answer = bound.invoke([question])
    assert [call["name"] for call in answer.tool_calls] == ["weather", "weather"]
    results = [ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"]) for call in answer.tool_calls]
    assert "sunny in city" in bound.invoke([question, answer, *results]).text


def test_tool_calls_stream(chat):
    whole = None
    for chunk in chat.bind_tools([weather]).stream("[[tools 1]] How is the weather?"):
        whole = chunk if whole is None else whole + chunk
    assert whole.tool_calls[0]["name"] == "weather" and whole.tool_calls[0]["args"]["city"]


def test_structured_output(chat):
    assert isinstance(chat.with_structured_output(City).invoke("Which city?"), City)


def test_embeddings():
    embeddings = OpenAIEmbeddings(
        base_url=f"{URL}/v1", api_key=KEY, model="embed", max_retries=0, check_embedding_ctx_length=False
    )
    assert len(embeddings.embed_query("hello")) == 64
