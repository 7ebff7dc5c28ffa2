"""The phrases of English by which callers steer a conversation, one group a name; phrases are split at semicolons."""


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(" ".join(phrase.split()) for phrase in text.split(";") if phrase.strip())


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


YES = _phrases("""
    yes; yeah; yep; yup; yea; ya; yess; jes; aye; correct; absolutely; definitely; certainly; indeed; exactly; of
    course; go ahead; please do; affirmative; sure; why not; no problem; you bet; i confirm; let's do it; let's do
    that
""")
ALSO_YES = _phrases("""
    ok; okay; alright; right; sounds good; do it; fine; perfect; great; lovely; good; mm hmm; mhm; uh huh; that
    works; works for me; i do; i would; i'd love to; confirm; confirmed; it is; that'll do; that will do; that's it;
    please
""")
"""A yes only if nothing else is said: "it is", but not "it is missing"."""
NO = _phrases("""
    no; nope; nah; not; not really; not right; not correct; not okay; not good; not quite; negative; never; nothing;
    neither; don't; do not; please don't; isn't; wrong; incorrect; rather not; wait; hold on; stop
""")
NO_THAT_MEANS_YES = _phrases("why not; no problem; no worries; can't wait; don't see why not; don't mind if i do")
POLITE = _words("""
    ok okay fine alright good great thanks please sure
""")
DOUBTS = _words("""
    if but unless what which when where who how or instead maybe perhaps rather change different another later
    earlier depends because actually cancel except although sorry
""")
FILLERS = _words("""
    um uh er erm hm hmm well so and then the a an it that that's is this i i'd i'll i'm would be like to you
    thanks thank please very much just me for my do we can could oh all let's lets sounds looks good great it's
    now want go with on at in us am sir ma'am continue there dear too works same
""")
DONE = _phrases("""
    that's all; that is all; that's it; that is it; i'm good; i am good; all good; i'm done; i am done; that'll be
    all; that will be all; nothing else; we're done; all set; i'm fine; that's everything; goodbye; bye; bye bye;
    nothing
""")
REPEAT = _phrases("""
    repeat that; repeat it; repeat please; please repeat; say that again; say it again; say again; come again; what
    was that; pardon; pardon me; what did you say; didn't catch that; didn't hear you; didn't hear that; didn't get
    that; once more please; one more time; can you repeat; could you repeat; excuse me; didn't understand you
""")
CANCEL = _phrases("""
    never mind; nevermind; forget it; forget about it; forget that; changed my mind; cancel that; cancel this;
    cancel it; stop this; stop that; scratch that; i give up; don't bother
""")
CANCEL_ALONE = _words("""
    cancel stop quit exit abort
""")
HUMAN = _phrases("""
    speak to a human; talk to a human; speak with a human; speak to a person; talk to a person; speak with a person;
    speak to someone; talk to someone; speak with someone; talk to somebody; speak to somebody; real person; speak
    to an agent; talk to an agent; operator; representative; human being; customer service
""")
HELP = _phrases("help me; what can you do; what are my options; what can i do here; what can i say")
GOODBYE = _phrases("goodbye; bye; bye bye; good night; see you; hang up; talk to you later")
START_OVER = _phrases("""
    start over; start again; start from the beginning; start afresh; start fresh; from scratch; begin again; star
    over; started over; starting over; from the beginning; restart; start new; new one; start anew; do over
""")
CONTINUE = _phrases("continue; go on; carry on; keep going; where we left off; pick up; go ahead; proceed; resume")
CORRECTION = _phrases("""
    no; nope; actually; make it; make that; change; instead; rather; i meant; i mean; i said; wait; sorry; not;
    better; prefer; should be; let's do; how about; what about; could we do; can we do; move it; switch
""")
"""Not all of them mean a correction by themselves; one is taken only with a value that differs."""
OFFERS = _phrases("shall i; should i; may i; do you want me to; would you like me to; can i")
"""How a question begins whose verb a caller repeats to agree: "Shall I book it?" - "Book it"."""
STOP = _words("""
    i i'd i'm i'll a an the to for of my me please like would want need can could you we is it that and do hi
    hello um uh yes yeah okay ok on at in this with have got so just well be will was are am there some up get
    going wanna gonna let let's also then now no actually hey good morning afternoon evening how what your today
    tomorrow one something someone
""")
"""Words that say nothing about what is wanted."""
