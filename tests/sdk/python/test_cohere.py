"""Cohere's SDK, unmodified."""

import cohere
import pytest

from conftest import KEY, URL, gateway_only

pytestmark = gateway_only


def test_documents_are_ranked():
    client = cohere.ClientV2(api_key=KEY, base_url=URL)
    documents = ["bread is sold here", "the water gate opens", "a cat"]
    answer = client.rerank(model="rerank", query="when does the water gate open", documents=documents, top_n=2)
    assert len(answer.results) == 2
    assert answer.results[0].index == 1
    assert answer.results[1].relevance_score <= answer.results[0].relevance_score


def test_errors_are_the_sdks():
    client = cohere.ClientV2(api_key="sk-sluice-wrong", base_url=URL)
    with pytest.raises(cohere.UnauthorizedError):
        client.rerank(model="rerank", query="q", documents=["a"])
