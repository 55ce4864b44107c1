"""LlamaIndex, unmodified."""

from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike

from conftest import KEY, URL


def llm(model):
    return OpenAILike(
        api_base=f"{URL}/v1", api_key=KEY, model=model, max_retries=0, is_chat_model=True, is_function_calling_model=True
    )


def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


def test_answers(model):
    answer = llm(model).chat([ChatMessage(role="user", content="hello é漢🦀")])
    assert answer.message.content == "You said: hello é漢🦀 é漢🦀."


def test_streams(model):
    pieces = llm(model).stream_chat([ChatMessage(role="user", content="hello")])
    assert "".join(piece.delta or "" for piece in pieces) == "You said: hello é漢🦀."


def test_calls_tools(model):
    tool = FunctionTool.from_defaults(weather)
    answer = llm(model).chat_with_tools([tool], user_msg="[[tools 1]] How is the weather?")
    calls = llm(model).get_tool_calls_from_response(answer)
    assert calls[0].tool_name == "weather" and calls[0].tool_kwargs["city"]
