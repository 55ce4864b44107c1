"""Files and vector stores with the OpenAI SDK, unmodified."""

import openai
import pytest

from conftest import gateway_only

pytestmark = gateway_only

HANDBOOK = b"# Leave\n\nEverybody has thirty days of holiday a year.\n\n# Kitchen\n\nThe coffee machine is cleaned on Fridays.\n"


@pytest.fixture
def store(oai):
    made = oai.vector_stores.create(name="handbook", metadata={"team": "people"})
    yield made
    oai.vector_stores.delete(made.id)


def test_files(oai):
    made = oai.files.create(file=("handbook.md", HANDBOOK), purpose="assistants")
    assert (made.object, made.bytes, made.filename) == ("file", len(HANDBOOK), "handbook.md")
    assert oai.files.retrieve(made.id).id == made.id
    assert oai.files.content(made.id).read() == HANDBOOK
    more = oai.files.create(file=("naïve.txt", b"x"), purpose="user_data")
    assert more.filename == "naïve.txt"
    listed = [file.id for file in oai.files.list(limit=1)]
    assert listed.index(more.id) < listed.index(made.id)
    assert [file.id for file in oai.files.list(purpose="user_data")].count(more.id) == 1
    for file in (made, more):
        assert oai.files.delete(file.id).deleted
        with pytest.raises(openai.NotFoundError):
            oai.files.retrieve(file.id)


def test_upload_and_poll_and_search(oai, store):
    member = oai.vector_stores.files.upload_and_poll(
        vector_store_id=store.id, file=("handbook.md", HANDBOOK), attributes={"year": 2024}
    )
    assert (member.status, member.last_error) == ("completed", None)
    found = oai.vector_stores.search(store.id, query="How many days of holiday do I have?", max_num_results=3)
    first = found.data[0]
    assert (first.file_id, first.filename) == (member.id, "handbook.md")
    assert "thirty days" in first.content[0].text
    assert 0 <= first.score <= 1
    only = {"type": "eq", "key": "year", "value": 2023}
    assert oai.vector_stores.search(store.id, query=["holiday"], filters=only).data == []
    text = oai.vector_stores.files.content(member.id, vector_store_id=store.id)
    assert "coffee" in "".join(part.text for part in text.data)
    changed = oai.vector_stores.files.update(member.id, vector_store_id=store.id, attributes={"year": 2023})
    assert changed.attributes == {"year": 2023}
    assert oai.vector_stores.search(store.id, query=["holiday"], filters=only).data[0].file_id == member.id
    assert [file.id for file in oai.vector_stores.files.list(store.id)] == [member.id]
    assert oai.vector_stores.files.delete(member.id, vector_store_id=store.id).deleted
    assert oai.vector_stores.search(store.id, query="holiday").data == []
    oai.files.delete(member.id)


def test_stores(oai, store):
    assert (store.object, store.name, store.metadata) == ("vector_store", "handbook", {"team": "people"})
    shown = oai.vector_stores.update(
        store.id, name="other", expires_after={"anchor": "last_active_at", "days": 3}
    )
    assert (shown.name, shown.expires_after.days) == ("other", 3)
    assert oai.vector_stores.retrieve(store.id).name == "other"
    assert store.id in [one.id for one in oai.vector_stores.list(limit=2)]
    with pytest.raises(openai.NotFoundError):
        oai.vector_stores.retrieve("vs_000000000000000000000000")


def test_batches(oai, store):
    files = [("a.txt", b"Apples are red."), ("b.txt", b"Bananas are yellow."), ("c.png", b"\x89PNG\r\n\x1a\n\0")]
    batch = oai.vector_stores.file_batches.upload_and_poll(store.id, files=files)
    assert (batch.status, batch.file_counts.completed, batch.file_counts.failed) == ("completed", 2, 1)
    listed = list(oai.vector_stores.file_batches.list_files(batch.id, vector_store_id=store.id, limit=1))
    assert len(listed) == 3
    failed = oai.vector_stores.files.list(store.id, filter="failed").data
    assert [file.last_error.code for file in failed] == ["unsupported_file"]
    assert "yellow" in oai.vector_stores.search(store.id, query="What are bananas?").data[0].content[0].text
    ids = [file.id for file in listed]
    again = oai.vector_stores.file_batches.create_and_poll(store.id, file_ids=ids[:1])
    assert again.file_counts.total == 1
    assert oai.vector_stores.file_batches.cancel(again.id, vector_store_id=store.id).id == again.id
    for id in ids:
        oai.files.delete(id)
    assert oai.vector_stores.retrieve(store.id).file_counts.total == 0
