"""Questions and requests by grammar, written for this project.

A *frame* is a family of ways to ask one thing; each holds the same slots. Two ways of one frame with the same slots are
a paraphrase; another frame, other slots or slots the other way round are another question.
"""

import re

from common import WORDNET, need

ACTIONS = """reset my password;change my email address;cancel my subscription;renew my passport;track my order;
return a damaged item;get a refund;open a bank account;close my account;update my billing address;transfer money abroad;
install python on windows;merge two branches in git;undo the last commit;parse json in java;sort a list in python;
center a div;deploy a docker container;connect to a wifi network;back up my phone;recover deleted photos;speed up my laptop;
learn to play the guitar;lose weight quickly;improve my english;write a cover letter;prepare for a job interview;
start a small business;invest in stocks;save money for a house;cook rice;bake sourdough bread;remove coffee stains;
fix a leaking tap;change a flat tyre;grow tomatoes indoors;train a puppy;stop my dog barking;get rid of ants;
sleep better at night;reduce stress;quit smoking;treat a cold;clean a keyboard;unlock my phone;block a phone number;
turn off notifications;make a budget;file my taxes;apply for a visa;book a cheap flight;rent a car;pack for a trip;
write unit tests;read a csv file;convert a string to an integer;remove duplicates from an array;resize an image;
create a new user in postgres;export a table to excel;delete a row in sql;set up a vpn;check my credit score;
increase my credit limit;report a stolen card;activate my new card;dispute a charge;set up direct deposit;pay my bill online;
find a good lawyer;become a data scientist;publish a book;make friends at university;speak in public;draw a portrait;
take better photographs;build a website;choose a laptop;sell my old phone;improve my memory;study for exams;
write a business plan;get my first job;ask for a raise;move to another country;adopt a cat;lower my blood pressure;
gain muscle;run a marathon;meditate;make cold brew coffee;season a cast iron pan;sharpen a knife;paint a room;
hang a picture;unclog a drain;plant a tree;start a podcast;edit a video;compress a pdf;print double sided;scan a document;
add a printer;clear my browser cache;disable autocorrect;enable dark mode;freeze my account;verify my identity;
split a bill;tip in japan;get to the airport;change my seat;add a checked bag;reschedule an appointment"""

THINGS = """python;java;rust;javascript;docker;kubernetes;linux;windows;android;the iphone;excel;photoshop;wordpress;
machine learning;deep learning;blockchain;bitcoin;quantum computing;cloud computing;data science;artificial intelligence;
photosynthesis;gravity;black holes;evolution;climate change;inflation;democracy;capitalism;socialism;feminism;stoicism;
the french revolution;world war two;the roman empire;the cold war;yoga;meditation;keto;coffee;green tea;olive oil;sugar;
vitamin d;protein powder;creatine;insomnia;anxiety;depression;diabetes;migraine;asthma;high blood pressure;the flu;
mortgages;credit cards;mutual funds;index funds;life insurance;health insurance;income tax;compound interest;real estate;
electric cars;solar panels;wind power;nuclear power;3d printing;virtual reality;drones;robots;recursion;pointers;
regular expressions;sql joins;rest apis;graphql;webhooks;oauth;tcp;dns;https;encryption;big data;devops;agile;scrum;
an mba;a phd;online courses;remote work;freelancing;public speaking;reading;running;swimming;chess;poker;guitar;piano"""

PLACES = """paris;london;berlin;tokyo;new york;india;china;germany;france;canada;australia;brazil;japan;italy;spain;texas;
california;chicago;mumbai;delhi;sydney;singapore;dubai;mexico;egypt;kenya;sweden;norway;turkey;greece"""

PEOPLE = """beginners;students;children;adults;women;men;seniors;developers;teachers;nurses;small companies;designers;
a ten year old;engineers;parents;travellers"""


def words(text):
    return [w.strip() for w in re.sub(r"\s+", " ", text).split(";") if w.strip()]


LISTS = {"a": words(ACTIONS), "t": words(THINGS), "p": words(PLACES), "w": words(PEOPLE)}

# Each line is one frame: ways of asking the same, divided by "|". Slots: {a} action, {t}, {u} things, {p}, {q} places,
# {w} people, {n} a number.
FRAMES = """
How do I {a}?|How can I {a}?|What is the best way to {a}?|What's the easiest way to {a}?|How would I go about {a:ing}?|I want to {a}, how do I do that?|Can you tell me how to {a}?|how to {a}|What should I do to {a}?|What are the steps to {a}?|Is there a way to {a}?|Please explain how I {a}.|What is a good way to {a}?|What are some ways to {a}?
Why should I {a}?|What are the reasons to {a}?|What is the point of {a:ing}?|What good does it do to {a}?
How long does it take to {a}?|How much time do I need to {a}?|What time does it take to {a}?|In how much time can I {a}?
How much does it cost to {a}?|What is the cost to {a}?|What's the price to {a}?|How expensive is it to {a}?|What would I pay to {a}?
Can I {a} for free?|Is it possible to {a} without paying?|Is there a free way to {a}?|How do I {a} at no cost?
Where can I {a}?|What is a good place to {a}?|Where do I go to {a}?|Which place is best to {a}?
When should I {a}?|What is the best time to {a}?|When is the right time to {a}?|At what time should I {a}?
Who can help me {a}?|Whom do I ask to {a}?|Is there someone who can help me {a}?
What happens if I don't {a}?|What if I do not {a}?|What are the consequences if I don't {a}?
What do I need to {a}?|What is required to {a}?|What are the requirements to {a}?|Which things do I need to {a}?
What mistakes should I avoid when I {a}?|What are common mistakes when people {a}?|What do people get wrong when they {a}?
What is {t}?|What does {t} mean?|Can you explain {t}?|Explain {t} to me.|What exactly is {t}?|Tell me what {t} is.|What do you mean by {t}?|What is the meaning of {t}?
How does {t} work?|Can you explain how {t} works?|What is the mechanism behind {t}?|What is the working principle of {t}?
What is the difference between {t} and {u}?|How is {t} different from {u}?|What are the differences between {u} and {t}?|{t} vs {u}: what differs?|How do {t} and {u} differ?|What distinguishes {t} from {u}?
Is {t} better than {u}?|Which is better, {t} or {u}?|Should I choose {t} or {u}?|{t} or {u}, which one is better?
What are the advantages of {t}?|What are the benefits of {t}?|What are the pros of {t}?|Why is {t} good?|How is {t} beneficial?
What are the disadvantages of {t}?|What are the drawbacks of {t}?|What are the cons of {t}?|Why is {t} bad?|What are the downsides of {t}?
How can I learn {t}?|What is the best way to learn {t}?|How do I start learning {t}?|How should I start with {t}?|What's a good way to get started with {t}?|I want to learn {t}, where do I start?
What are the best books on {t}?|Which books are best to learn about {t}?|What are some good books about {t}?|Can you recommend books on {t}?|Which is the best book for {t}?
What are the best websites to learn {t}?|Which sites are good for learning {t}?|Where can I learn {t} online?|What is the best online resource for {t}?
Is {t} worth it?|Is it worth learning {t}?|Should I bother with {t}?|Is {t} worth my time?
What is the future of {t}?|Does {t} have a future?|What will happen to {t} in the future?|How will {t} develop in the future?
What is the history of {t}?|How did {t} begin?|Where does {t} come from?|What are the origins of {t}?
Who invented {t}?|Who came up with {t}?|Who created {t}?|Who is the inventor of {t}?
Is {t} safe for {w}?|Can {w} safely use {t}?|Is it safe for {w} to use {t}?
What is the best way for {w} to learn {t}?|How can {w} learn {t}?|How should {w} start with {t}?
How do I get from {p} to {q}?|What's the best way to travel from {p} to {q}?|How can I travel to {q} from {p}?|What is the quickest route from {p} to {q}?
How much is a flight from {p} to {q}?|What does it cost to fly from {p} to {q}?|What's the price of a flight to {q} from {p}?
What is the weather like in {p}?|How is the weather in {p}?|What's the weather in {p}?
What is the population of {p}?|How many people live in {p}?|How many inhabitants does {p} have?
What are the best places to visit in {p}?|Where should I go in {p}?|What should I see in {p}?|Which places are worth visiting in {p}?|What are some good places to see in {p}?
What is the capital of {p}?|Which city is the capital of {p}?|What's {p}'s capital?
What is it like to live in {p}?|How is life in {p}?|How does it feel to live in {p}?|What is living in {p} like?
How can I find a job in {p}?|What is the best way to get a job in {p}?|How do I get a job in {p}?
What is {n} percent of {m}?|How much is {n}% of {m}?|Calculate {n} percent of {m}.
How many days are in {n} weeks?|{n} weeks is how many days?|What is {n} weeks in days?
What are the top {n} tips to {a}?|Give me {n} tips to {a}.|List {n} tips on how to {a}.
Summarize {t} in {n} sentences.|Give me a {n} sentence summary of {t}.|Write a summary of {t} in {n} sentences.
Write a poem about {t}.|Compose a poem on {t}.|Can you write me a poem about {t}?
Write an essay about {t}.|Compose an essay on {t}.|Can you write me an essay about {t}?
How do I turn on {t}?|How can I enable {t}?|How do I switch {t} on?|How to activate {t}?
How do I turn off {t}?|How can I disable {t}?|How do I switch {t} off?|How to deactivate {t}?
What is the best {t} company in {p}?|Which {t} company is best in {p}?|Who is the best {t} company in {p}?
Do people in {p} like {t}?|Is {t} popular in {p}?|How popular is {t} in {p}?
Can {t} cause {u}?|Does {t} lead to {u}?|Is {u} caused by {t}?
"""


def wordnet_phrases():
    """More slot fillers: common nouns and verbs by WordNet's tag counts."""
    counts = {}
    for line in open(need(WORDNET / "cntlist.rev", "WordNet 3.0"), encoding="utf-8"):
        key, _, count = line.split()
        lemma, rest = key.split("%", 1)
        counts[(lemma.replace("_", " "), rest[0])] = counts.get((lemma.replace("_", " "), rest[0]), 0) + int(count)
    nouns = [lemma for (lemma, part), _ in sorted(counts.items(), key=lambda kv: (-kv[1], kv[0])) if part == "1" and len(lemma) > 2]
    return nouns[:6_000]


def ing(action):
    """"reset my password" as "resetting my password", roughly: only the grammar's own verbs need to come out well."""
    verb, _, rest = action.partition(" ")
    if verb.endswith("e") and verb not in ("be", "see"):
        verb = verb[:-1]
    elif re.fullmatch(r"(get|run|set|split|quit|stop|unclog|plan|tip|put)", verb):
        verb += verb[-1]
    return f"{verb}ing {rest}".strip()


def frames():
    return [line.split("|") for line in FRAMES.strip().splitlines()]


def slots(dice, nouns):
    """A draw for every slot."""
    def thing():
        return dice.choice(LISTS["t"]) if dice.random() < 0.4 else dice.choice(nouns)

    t, u = thing(), thing()
    p, q = dice.sample(LISTS["p"], 2)
    return {"a": dice.choice(LISTS["a"]), "t": t, "u": u, "p": p, "q": q, "w": dice.choice(LISTS["w"]),
            "n": str(dice.choice([2, 3, 5, 7, 10, 12, 15, 20, 25, 40])), "m": str(dice.randrange(20, 2000, 10))}


def fill(way, values):
    text = way.replace("{a:ing}", ing(values["a"]))
    for name, value in values.items():
        text = text.replace("{%s}" % name, value)
    return text[0].upper() + text[1:]


def surface(dice, text):
    """The noise real users add."""
    roll = dice.random()
    if roll < 0.25:
        text = text.lower()
    if roll > 0.8:
        text = text.rstrip("?.!")
    return text


def questions(dice, count):
    """`count` questions of mixed frames."""
    nouns = wordnet_phrases()
    all_frames = frames()
    return [surface(dice, fill(dice.choice(dice.choice(all_frames)), slots(dice, nouns))) for _ in range(count)]
