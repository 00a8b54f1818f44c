"""The attacker of docs/leakage.md: he has a copy of the tables `resident` and `resident_term` (ids, areas, terms), and knows the
schema and how values are distributed: the census, taken from residents of another seed. He has no key.

He is given more than the table shows: of which field and kind each term is, a census of the very same distribution and as large as the
city, and in `known_*` residents whose plaintext he knows with their row. So what he recovers is an upper bound of what is likely.

Each attack returns a Result: shares of the residents whose whole value, and whose part (what the kind takes of the value), are guessed
right; `blind` is what he gets without the table, always guessing the most frequent one."""
import collections
import dataclasses
import itertools
import math
import random
import subprocess

Counter = collections.Counter


@dataclasses.dataclass
class Result:
    kind: str
    attack: str
    whole: float  # shares, 0 to 1
    part: float
    blind_whole: float
    blind_part: float

    @property
    def gain(self):
        return self.whole - self.blind_whole


@dataclasses.dataclass
class Table:
    """Columns side by side: row i is one resident."""
    area: list
    values: dict  # column -> texts: the truth; the thief reads those of residents that he knows
    terms: dict  # column -> tuples of terms

    @property
    def streets(self):
        found = collections.defaultdict(list)
        for i, area in enumerate(self.area):
            found[area[:9]].append(i)
        return list(found.values())


def table(tool, seed, count, names, columns, street=None):
    run = subprocess.Popen([tool, str(seed), str(count), names, *columns], stdout=subprocess.PIPE, text=True, encoding="utf-8")
    area, values, terms, same = [], [[] for _ in columns], [[] for _ in columns], {}
    for line in run.stdout:
        cells = line.rstrip("\n").split("\t")
        if street and not cells[1].startswith(street):
            continue
        area.append(cells[1])
        for at in range(len(columns)):
            values[at].append(cells[2 + 2 * at])
            found = cells[3 + 2 * at]
            terms[at].append(tuple(same.setdefault(t, t) for t in found.split(",")) if found else ())
    if run.wait() != 0:
        raise RuntimeError(f"{tool} ended with {run.returncode}")
    order = list(range(len(area)))
    random.Random(seed).shuffle(order)  # the rows stand in no order

    def shuffled(column):
        return [column[i] for i in order]
    return Table(shuffled(area), dict(zip(columns, map(shuffled, values))), dict(zip(columns, map(shuffled, terms))))


# --- what a kind takes of a value ---

def whole_of(value):
    return value


def best_of(score):
    return max(score.items(), key=lambda item: (item[1], str(item[0])))[0] if score else None


def pairs_of(value):
    return frozenset(value[i:i + 2] for i in range(len(value) - 1))


def quantity_band(value):
    digits = value.split(".")[0]
    if digits == "0":
        return 0
    return 1 + 3 * (len(digits) - 1) + (2 if digits[0] >= "5" else 1 if digits[0] >= "2" else 0)


def taken_by(column):
    if column == "annual_income.band":
        return quantity_band
    return {"suffix": lambda v: v[-4:], "band": lambda v: v[:4], "ngram": pairs_of}.get(column.split(".")[-1], whole_of)


class Census:
    """Of one column: how frequent parts are, and the likeliest value of each part."""

    def __init__(self, column, values):
        take, whole = taken_by(column), Counter(v for v in values if v)
        self.take, self.parts, self.by_part, self.kept = take, Counter(), collections.defaultdict(Counter), {}
        for value, count in whole.items():
            for part in take(value) if column.endswith("ngram") else [take(value)]:
                self.parts[part] += count
                self.by_part[part][value] += count
        self.likeliest = [part for part, _ in sorted(self.parts.items(), key=lambda item: (-item[1], str(item[0])))]
        self.most_frequent = min(whole.items(), key=lambda item: (-item[1], item[0]))[0]

    def whole_given(self, part):
        if part not in self.kept:
            self.kept[part] = best_of(self.by_part.get(part))
        return self.kept[part]


def rank_match(rows, terms, census, learnt=None):
    """The most frequent term is the most frequent value, and so on. Of independent values this is also the assignment of greatest
    likelihood: the sum of count times log share is greatest when both are in the same order. What is learnt (term -> part) is left out."""
    learnt = learnt or {}
    counts, taken = Counter(t for i in rows for t in terms[i] if t not in learnt), set(learnt.values())
    order = sorted(counts, key=lambda t: (-counts[t], t))
    return dict(zip(order, (p for p in census.likeliest if p not in taken))) | learnt


def is_by_street(column):
    return column.split(".")[-1] in ("ngram", "band", "code")


def groups_of(t, column):
    return t.streets if is_by_street(column) else [range(len(t.area))]


def share(good, of):
    return good / of if of else 0.0


# --- 1: frequency ---

def frequency(t, census_values, column):
    census = Census(column, census_values)
    return frequency_of_pairs(t, census, column) if column.endswith("ngram") else frequency_of_single(t, census, column)


def frequency_of_single(t, census, column):
    values, terms = t.values[column], t.terms[column]
    whole = part = count = blind_whole = blind_part = 0
    for rows in groups_of(t, column):
        guess = rank_match(rows, terms, census)
        for i in rows:
            if not terms[i]:
                continue
            found, true = guess.get(terms[i][0]), census.take(values[i])
            count += 1
            part += found == true
            whole += found == true and census.whole_given(found) == values[i]
            blind_whole += values[i] == census.most_frequent
            blind_part += true == census.likeliest[0]
    return Result(column, "frequency", *(share(n, count) for n in (whole, part, blind_whole, blind_part)))


def common_terms(rows, terms):
    """Those that more than half of a street has (of addresses: province, city, district, street): they say nothing that the area
    does not."""
    counts = Counter(t for i in rows for t in terms[i])
    return {t for t, n in counts.items() if 2 * n > len(rows)}


def score_pairs(t, census, column, groups):
    """groups: of (rows, guess of each term). Part: the share of the pairs, without those that everybody has."""
    values, terms = t.values[column], t.terms[column]
    whole = count = pairs = right = blind_whole = blind_right = 0
    for rows, guess in groups:
        common = common_terms(rows, terms)
        for i in rows:
            if not terms[i]:
                continue
            true = pairs_of(values[i])
            found = {guess.get(term) for term in terms[i]}
            count += 1
            whole += found == true
            rare = [term for term in terms[i] if term not in common]
            pairs += len(rare)
            right += sum(guess.get(term) in true for term in rare)
            blind_right += census.likeliest[0] in true and len(rare) > 0
            blind_whole += values[i] == census.most_frequent
    return share(whole, count), share(right, pairs), share(blind_whole, count), share(blind_right, pairs)


def frequency_of_pairs(t, census, column):
    groups = [(rows, rank_match(rows, t.terms[column], census)) for rows in t.streets]
    return Result(column, "frequency", *score_pairs(t, census, column, groups))


# --- 2a: intersection of kinds ---

def linked_pairs(t, census_values, pairs="name.ngram", names="name.equality"):
    """Terms of pairs differ from street to street. But where names have equality terms too, which do not, namesakes tell which pairs are
    the same: each common name is a vote. Then frequency over the whole city."""
    census, terms, name = Census(pairs, census_values), t.terms[pairs], t.terms[names]
    streets = sorted(t.streets, key=len, reverse=True)
    seen = [collections.defaultdict(set) for _ in streets]  # name term -> its pair terms, by street
    for s, rows in enumerate(streets):
        for i in rows:
            if terms[i]:
                seen[s][name[i][0]].update(terms[i])
    same = {}
    for s in range(1, len(streets)):
        votes = collections.defaultdict(Counter)
        for one in seen[s].keys() & seen[0].keys():
            for a in seen[s][one]:
                votes[a].update(seen[0][one])
        for a, found in votes.items():
            best = found.most_common(2)
            if len(best) == 1 or best[0][1] > best[1][1]:
                same[a] = best[0][0]
    united = [tuple(same.get(a, a) for a in row) for row in terms]
    guess = rank_match(range(len(united)), united, census)
    of_term = {a: guess.get(same.get(a, a)) for row in terms for a in row}
    groups = [(rows, of_term) for rows in streets]
    return Result(f"{pairs} + {names}", "intersection", *score_pairs(t, census, pairs, groups))


def names_by_age(t, census, name="name.equality", year="birth_date.band", turn="1985"):
    """Fashions of names: frequency apart in names of the old and of the young. He is given what the terms of birth years may tell, the
    generation of each resident."""
    def old_and_young(labels, births):
        young = collections.defaultdict(int)
        for label, birth in zip(labels, births):
            young[label] += 1 if birth[:4] >= turn else -1
        return young
    terms, names, births = t.terms[name], census.values[name], census.values[year]
    of_term = old_and_young((row[0] for row in terms), t.values[year])
    of_name = old_and_young(names, births)
    good = 0
    for young in (False, True):
        rows = [i for i, row in enumerate(terms) if (of_term[row[0]] > 0) == young]
        guess = rank_match(rows, terms, Census(name, [n for n in names if (of_name[n] > 0) == young]))
        good += sum(guess.get(terms[i][0]) == t.values[name][i] for i in rows)
    most = Census(name, names).most_frequent
    found, blind = share(good, len(terms)), share(t.values[name].count(most), len(terms))
    return Result(f"{name} + {year}", "intersection", found, found, blind, blind)


@dataclasses.dataclass
class Street:
    """What the years of a street have to do with one another: how many have each, with which codes, and with whom they live."""
    years: list
    counts: list
    codes: list
    pairs: list


def street_of(rows, year_of, code_of, house_of):
    years = sorted({year_of(i) for i in rows if year_of(i)})
    at = {y: k for k, y in enumerate(years)}
    counts, codes = [0] * len(years), [Counter() for _ in years]
    pairs = [[0] * len(years) for _ in years]
    houses = collections.defaultdict(list)
    for i in rows:
        if not year_of(i):
            continue
        k = at[year_of(i)]
        counts[k] += 1
        codes[k][code_of(i)] += 1
        houses[house_of(i)].append(k)
    for members in houses.values():
        for x, a in enumerate(members):
            for b in members[x + 1:]:
                pairs[a][b] += 1
                pairs[b][a] += 1
    return Street(years, counts, codes, pairs)


def logs_of_pairs(census, scale):
    return [[math.log(max(n * scale, 0.02)) for n in row] for row in census.pairs]


def fit(seen, census, codes_in_order, rounds, seed):
    """Which of the census' years each year term is, by annealing: the likelihood of the counts, of the codes beside them and of who
    lives with whom. Returns that likelihood (a logarithm) and the census' index of each term."""
    scale, n = sum(seen.counts) / sum(census.counts), len(seen.years)
    logs, chance = logs_of_pairs(census, scale), random.Random(seed)

    def own(t, v):
        rates = [(seen.counts[t], census.counts[v])] + [(seen.codes[t][c], census.codes[v][d]) for c, d in codes_in_order]
        return sum(k * math.log(max(r * scale, 0.02)) - max(r * scale, 0.02) for k, r in rates)
    score = [[own(t, v) for v in range(len(census.years))] for t in range(n)]
    by_count = sorted(range(len(census.years)), key=lambda v: -census.counts[v])[:n]
    at = [0] * n
    for t, v in zip(sorted(range(n), key=lambda t: -seen.counts[t]), by_count):
        at[t] = v
    for step in range(rounds):
        a, b = chance.randrange(n), chance.randrange(n)
        va, vb = at[a], at[b]
        if a == b:
            continue
        la, lb = logs[va], logs[vb]
        more = score[a][vb] + score[b][va] - score[a][va] - score[b][vb]
        more += sum((x - y) * (lb[v] - la[v]) for x, y, v in zip(seen.pairs[a], seen.pairs[b], at))
        # The cells of the two with themselves and with one another.
        x, y, z = seen.pairs[a][a], seen.pairs[b][b], seen.pairs[a][b]
        more -= (x - z) * (lb[va] - la[va]) + (z - y) * (lb[vb] - la[vb])
        more += (x - y) * (logs[vb][vb] - logs[va][va]) / 2
        heat = 60 * (2 / 60) ** (step / rounds)
        if more >= 0 or chance.random() < math.exp(max(more / heat, -700)):
            at[a], at[b] = vb, va
    together = sum(n * logs[at[a]][at[b]] for a in range(n) for b, n in enumerate(seen.pairs[a]))
    return sum(score[t][v] for t, v in enumerate(at)) + together / 2, at


def pairings(terms, values):
    """Each way in which the terms may stand for the values, the most frequent one being sure."""
    for rest in itertools.permutations(values[1:], len(terms) - 1):
        yield list(zip(terms, (values[0], *rest)))


def years_by_housemates(t, census, rounds=200000, tries=2):
    """Years of birth from their number, from the codes of care beside them and from who lives with whom (the term of the household), in the
    largest street: the likeliest of some tries with each meaning of the codes. The codes are read by the way: two results."""
    year, code, house = "birth_date.band", "care_category.code", "household_number.equality"
    of_census = street_of(range(len(census.area)), lambda i: census.values[year][i][:4], lambda i: census.values[code][i],
                          lambda i: census.values[house][i])
    rows = max(t.streets, key=len)
    seen = street_of(rows, lambda i: t.terms[year][i][0], lambda i: t.terms[code][i][0], lambda i: t.terms[house][i][0])
    codes = Census(code, census.values[code]).likeliest
    ranked = [term for term, _ in Counter(t.terms[code][i][0] for i in rows).most_common()]
    found = [(fit(seen, of_census, pairing, rounds, attempt), pairing) for pairing in pairings(ranked, codes) for attempt in range(tries)]
    (_, at), pairing = max(found)
    years, meant = {term: of_census.years[at[k]] for k, term in enumerate(seen.years)}, dict(pairing)
    most = of_census.years[of_census.counts.index(max(of_census.counts))]
    true = [t.values[year][i][:4] for i in rows]
    good = share(sum(years[t.terms[year][i][0]] == y for i, y in zip(rows, true)), len(rows))
    read = share(sum(meant[t.terms[code][i][0]] == t.values[code][i] for i in rows), len(rows))
    blind = share(sum(t.values[code][i] == codes[0] for i in rows), len(rows))
    return (Result("birth_date.band + code + household", "intersection", good / 365, good, 0.0, share(true.count(most), len(rows))),
            Result("care_category.code + band + household", "intersection", read, read, blind, blind))


# --- 2b: known residents ---

def known_rows(t, fraction, seed=1):
    rows = range(len(t.area))
    return set(random.Random(seed).sample(rows, max(1, round(fraction * len(rows)))))


def known_single(t, census_values, column, fraction):
    """Whoever shares a term with a known resident has his value (part); the other terms are guessed by frequency."""
    census, known = Census(column, census_values), known_rows(t, fraction)
    values, terms = t.values[column], t.terms[column]
    told = {terms[i][0]: values[i] for i in known if terms[i]}
    others = [i for i in range(len(terms)) if i not in known and terms[i]]
    whole = part = 0
    for rows in groups_of(t, column):
        learnt = {terms[i][0]: census.take(values[i]) for i in rows if i in known and terms[i]}
        guess = rank_match(rows, terms, census, learnt)
        for i in rows:
            if i in known or not terms[i]:
                continue
            found = guess.get(terms[i][0])
            part += found == census.take(values[i])
            likely = found if census.take is whole_of else census.whole_given(found)
            whole += values[i] == (told.get(terms[i][0], likely) if column.endswith("suffix") else likely)
    blind = [sum(values[i] == census.most_frequent for i in others), sum(census.take(values[i]) == census.likeliest[0] for i in others)]
    return Result(column, f"known {fraction:.1%}", *(share(n, len(others)) for n in (whole, part, *blind)))


def pair_up(rows, terms, values):
    """Which term is which pair of characters, from residents of one street whose names are known: each pair of a name is one of its
    terms, and one that several have is among what they have in common."""
    may = {}
    for i in rows:
        for term in terms[i]:
            may[term] = may[term] & pairs_of(values[i]) if term in may else set(pairs_of(values[i]))
    sure, changed = {}, True
    while changed:
        changed = False
        for term, found in may.items():
            if len(found) == 1 and term not in sure:
                sure[term], changed = next(iter(found)), True
        for i in rows:
            taken = {sure[term] for term in terms[i] if term in sure}
            for term in terms[i]:
                if term not in sure and may[term] & taken:
                    may[term] -= taken
                    changed = True
    return sure, may


def known_pairs(t, census_values, column, fraction, by=None):
    """Parts of names learnt from known residents, street by street; with `by` (equality of names) their namesakes in all streets count as
    known. A name of which a part is read is guessed as the most frequent one that has it."""
    census, known = Census(column, census_values), known_rows(t, fraction)
    values, terms = t.values[column], t.terms[column]
    told = {i: values[i] for i in known}
    for _ in range(3 if by else 1):
        told = told if not by else namesakes(told, t.terms[by])
        learnt = [(rows, *pair_up([i for i in rows if i in told], terms, told)) for rows in t.streets]
        told = told | {i: name for rows, sure, _ in learnt for i in rows if i not in told and (name := read(terms[i], sure))}
    whole = part = blind = 0
    for rows, sure, may in learnt:
        for i in rows:
            found = [sure[term] for term in terms[i] if term in sure]
            found += [min(may[term]) for term in terms[i] if term not in sure and may.get(term)]
            if i in known or not terms[i]:
                continue
            guess = told.get(i) or complete(found, len(terms[i]), census)
            whole += guess == values[i]
            part += any(p in pairs_of(values[i]) for p in found)
            blind += values[i] == census.most_frequent
    kind, count = f"{column} + {by}" if by else column, len(terms) - len(known)
    return Result(kind, f"known {fraction:.1%}", share(whole, count), share(part, count), share(blind, count), 0.0)


def namesakes(told, names):
    of_term = {names[i][0]: name for i, name in told.items()}
    return {i: of_term[row[0]] for i, row in enumerate(names) if row and row[0] in of_term}


def read(terms, sure):
    """The name whose pairs are all known, where they chain in one way."""
    pairs = [sure.get(term) for term in terms]
    if not pairs or None in pairs:
        return None
    if len(pairs) == 1:
        return pairs[0]
    ways = {a + b[1:] for a in pairs for b in pairs if a != b and a[-1] == b[0]}
    return ways.pop() if len(pairs) == 2 and len(ways) == 1 else None


def complete(pairs, length, census):
    """The most frequent name with as many pairs that has all of these."""
    if not pairs:
        return None
    best = [(n, v) for v, n in census.by_part[pairs[0]].items() if len(pairs_of(v)) == length and pairs_of(v) >= set(pairs)]
    if best:
        return max(best)[1]
    return None


def road_of(address):
    for end in ("路", "大道"):
        if end in address[9:]:
            return address[9:9 + address[9:].index(end) + len(end)]
    return address.rstrip("0123456789号组")


def roads_by_part(inside, values, terms):
    """term -> (road, how surely the term means it), from known residents."""
    seen = collections.defaultdict(Counter)
    for i in inside:
        for term in terms[i]:
            seen[term][road_of(values[i])] += 1
    return {term: [(road, (n / sum(found.values())) ** 2) for road, n in found.items()]
            for term, found in seen.items() if sum(found.values()) > 1 and 4 * sum(found.values()) < len(inside)}


def known_addresses(t, column, fraction):
    """The address is guessed as that of the known resident of the street with which it shares the most, rare parts counting more; the
    road (part) as the one that its parts mean among known residents."""
    known, values, terms = known_rows(t, fraction), t.values[column], t.terms[column]
    whole = part = count = blind = 0
    for rows in t.streets:
        inside, have = [i for i in rows if i in known], collections.defaultdict(list)
        for i in inside:
            for term in terms[i]:
                have[term].append(i)
        roads = roads_by_part(inside, values, terms)
        frequent = best_of(Counter(road_of(values[i]) for i in rows))
        for i in (i for i in rows if i not in known):
            alike, road = Counter(), Counter()
            for term in terms[i]:
                for k in have[term] if term in have and 20 * len(have[term]) < len(inside) + 40 else ():
                    alike[k] += 1 / len(have[term])
                for name, sure in roads.get(term, ()):
                    road[name] += sure
            count += 1
            whole += bool(alike) and values[best_of(alike)] == values[i]
            part += best_of(road) == road_of(values[i])
            blind += road_of(values[i]) == frequent
    return Result(column, f"known {fraction:.1%}", share(whole, count), share(part, count), 0.0, share(blind, count))


# --- what else the table tells ---

def colours(rows, rounds=4):
    """Of (area, terms), one a resident: what can be said of each without names of residents and terms: its area, and with whom it shares
    what. Two tables of the same colours differ in nothing that a thief could use."""
    colour = [hash(area) for area, _ in rows]
    for _ in range(rounds):
        of_term = collections.defaultdict(list)
        for mine, (_, terms) in zip(colour, rows):
            for term in terms:
                of_term[term].append(mine)
        shade = {term: hash(tuple(sorted(found))) for term, found in of_term.items()}
        colour = [hash((mine, tuple(sorted(shade[t] for t in terms)))) for mine, (_, terms) in zip(colour, rows)]
    return colour


def listed(t, columns):
    """He has a list of everybody with the values of these columns (an older leak), and finds the row of each: by whom they share what with.
    The share of the rows that are alone in looking so."""
    seen = colours([(area, [term for c in columns for term in t.terms[c][i]]) for i, area in enumerate(t.area)])
    alone = sum(n == 1 for n in Counter(seen).values())
    return Result(" + ".join(columns), "listed", share(alone, len(seen)), share(alone, len(seen)), 0.0, 0.0)


def long_names(t, column="name.ngram", ethnicity="ethnicity", minority=("04", "05", "17")):
    """How many terms a record has shows how long a name is: of those with the longest names, how many are Tibetan, Uyghur or Kazakh, and
    how many of these are found so. (precision, recall)"""
    long = [i for i, row in enumerate(t.terms[column]) if len(row) >= 4]
    meant = [i for i, code in enumerate(t.values[ethnicity]) if code in minority]
    both = sum(t.values[ethnicity][i] in minority for i in long)
    return share(both, len(long)), share(both, len(meant))


def rare_codes(t, census_values, column="care_category.code"):
    """Of those who have another code than the most frequent one: the share whose code is recovered by frequency."""
    census = Census(column, census_values)
    good = count = 0
    for rows in t.streets:
        guess = rank_match(rows, t.terms[column], census)
        for i in rows:
            if t.values[column][i] != census.likeliest[0]:
                count += 1
                good += guess.get(t.terms[column][i][0]) == t.values[column][i]
    return share(good, count)
