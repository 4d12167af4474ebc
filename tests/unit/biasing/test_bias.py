"""A list in use: compiled once per language, whoever asks."""

from concurrent.futures import ThreadPoolExecutor

from service.biasing.bias import Bias, BiasList
from service.biasing.entries import Entry


def test_a_list_is_compiled_once_for_each_language() -> None:
    brands = BiasList([Entry("Loewe")])
    english = brands.compiled("en")
    assert brands.compiled("en") is english
    assert brands.compiled("fr") is not english


def test_threads_share_what_one_of_them_compiled() -> None:
    brands = BiasList([Entry(f"Client {number}") for number in range(300)])
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(brands.compiled, ["en"] * 16))
    assert len({id(one) for one in made}) == 1


def test_memory_grows_with_what_is_compiled() -> None:
    brands = BiasList([Entry("Loewe"), Entry("Dior")])
    sizes = [brands.nbytes]
    for language in ("en", "fr"):
        brands.compiled(language)
        sizes.append(brands.nbytes)
    assert sizes[0] < sizes[1] < sizes[2]


def test_lists_keep_their_order() -> None:
    first, second = BiasList([Entry("Loewe")]), BiasList([Entry("Dior")])
    assert Bias((first, second)).compiled("en") == [first.compiled("en"), second.compiled("en")]
