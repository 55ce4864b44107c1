"""Instructor, unmodified."""

import instructor
import openai
from pydantic import BaseModel

from conftest import KEY, URL


class City(BaseModel):
    name: str
    people: int


def client(mode):
    return instructor.from_openai(openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0), mode=mode)


def ask(mode, model):
    messages = [{"role": "user", "content": "Which city?"}]
    return client(mode).chat.completions.create(model=model, response_model=City, messages=messages, max_retries=0)


def test_tools_give_objects(model):
    assert isinstance(ask(instructor.Mode.TOOLS, model), City)


def test_schemas_give_objects(model):
    assert isinstance(ask(instructor.Mode.JSON_SCHEMA, model), City)


def test_objects_stream(model):
    messages = [{"role": "user", "content": "Which city?"}]
    partial = client(instructor.Mode.TOOLS).chat.completions.create_partial(
        model=model, response_model=City, messages=messages, max_retries=0
    )
    last = list(partial)[-1]
    assert last.name and isinstance(last.people, int)
