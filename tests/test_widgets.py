"""The interactive figures: their mathematics in node, their behaviour in a browser."""

import functools
import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import pywt.data
import torch

from awdlib import results, widgets
from awdlib.networks import SmallCNN

ROOT = Path(__file__).parents[1]
STATIC = ROOT / "book" / "_static"
sys.path.insert(0, str(ROOT / "book" / "_ext"))

from awd_widgets import data_of, html  # noqa: E402

SCRIPTS = ("awd-maths.js", "awd-widgets.js")
NAMES = ("haar", "transforms", "sweep", "mask", "lambda")


def node(expression: str, given: object) -> object:
    """What an expression of M (the mathematics) and d (what is given) is in JavaScript."""
    command = shutil.which("node")
    if command is None:
        pytest.skip("there is no node")
    code = (
        f"const M = require({json.dumps(str(STATIC / 'awd-maths.js'))});"
        "const d = JSON.parse(require('fs').readFileSync(0));"
        f"console.log(JSON.stringify({expression}))"
    )
    ran = subprocess.run([command, "-e", code], input=json.dumps(given), capture_output=True,
                         text=True, check=True)  # fmt: skip
    return json.loads(ran.stdout)


def network(widths: tuple[int, ...] = (5, 6, 7, 8), seed: int = 0) -> SmallCNN:
    """A network whose normalisations have statistics of their own."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = SmallCNN(4, widths)
        for _ in range(20):
            model(torch.rand(16, 3, 32, 32))
    return model.eval()


# --- mathematics ---------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [1, 3, 5])
def test_the_haar_transform_is_pywavelets(level):
    x = np.random.default_rng(0).normal(size=(32, 32))
    found = node("Array.from(M.haar(d.x, 32, d.level))", {"x": x.ravel().tolist(), "level": level})
    want = pywt.coeffs_to_array(pywt.wavedec2(x, "haar", level=level))[0]
    np.testing.assert_allclose(np.reshape(found, (32, 32)), want, atol=1e-6)


@pytest.mark.parametrize("widths", [(5, 6, 7, 8), (16, 32)])  # of 16, channels are stored last
def test_the_network_is_torchs(widths):
    model, x = network(widths), torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    given = {"network": widgets.network(model, "abcd"), "x": x.flatten(1).tolist()}
    found = node("d.x.map((x) => M.logits(M.network(d.network), Float32Array.from(x), 32))", given)
    with torch.no_grad():
        np.testing.assert_allclose(found, model(x), atol=1e-4)
    shares = node("d.map((v) => M.softmax(v))", found)
    np.testing.assert_allclose(shares, model(x).softmax(1).detach(), atol=1e-5)


def test_noise_is_normal_and_comes_from_its_seed():
    drawn = node("[1, 1, 2].map((s) => { const f = M.normal(s); "
                 "return Array.from({ length: 20000 }, f); })", None)  # fmt: skip
    assert drawn[0] == drawn[1] != drawn[2]
    assert np.mean(drawn[0]) == pytest.approx(0, abs=0.03)
    assert np.std(drawn[0]) == pytest.approx(1, abs=0.02)
    assert np.mean(np.abs(drawn[0]) < 1) == pytest.approx(0.6827, abs=0.015)
    assert abs(np.corrcoef(drawn[0][1:], drawn[0][:-1])[0, 1]) < 0.03


def test_what_is_masked_is_noise_of_the_images_mean_and_spread():
    x = np.random.default_rng(0).uniform(0.4, 0.6, size=3 * 400)
    mask = np.tile([1.0, 0.0], 200)
    found = np.array(node("Array.from(M.perturbed(d.x, d.mask, M.normal(1)))",
                          {"x": x.tolist(), "mask": mask.tolist()}))  # fmt: skip
    kept = np.tile(mask, 3) == 1
    np.testing.assert_allclose(found[kept], x[kept], rtol=1e-6)
    assert found[~kept].mean() == pytest.approx(x.mean(), abs=0.01)
    assert found[~kept].std() == pytest.approx(x.std(), rel=0.1)
    assert node("M.distance([1, 2], [4, 6])", None) == 5


# --- data ----------------------------------------------------------------------------------------


def test_transforms_show_what_their_texts_say():
    found = {one["name"]: one for one in widgets.transforms()["signals"]}
    assert list(found) == ["two sines", "delta peak", "El Niño"]
    spectrum = np.array(found["two sines"]["spectrum"])
    assert sorted(np.argsort(spectrum)[-2:]) == [8, 32]  # periods of 32 and 8 in 256 samples
    sizes = widgets.scalogram(widgets.signals()["two sines"][0])
    periods = np.geomspace(2, 128, widgets.SCALES)
    for place, period in ((64, 32), (192, 8)):
        assert periods[sizes[:, place].argmax()] == pytest.approx(period, rel=0.15)
    flat = np.array(found["delta peak"]["spectrum"])
    np.testing.assert_allclose(flat, 1, atol=1e-3)
    fine = widgets.scalogram(widgets.signals()["delta peak"][0])
    assert (abs(fine[:5].argmax(1) - 192) <= 1).all()
    years, temperature = pywt.data.nino()  # the last of the quarters shown is 2013.75
    assert (years[0], years[widgets.SAMPLES - 1]) == (1950, 2013.75)
    assert "from 1950 to 2013," in found["El Niño"]["text"]
    assert (temperature.mean(), temperature.std(ddof=1)) == pytest.approx((0, 1), abs=1e-3)
    assert "standardised" in found["El Niño"]["text"]
    sizes = widgets.scalogram(widgets.signals()["El Niño"][0]).mean(1)
    assert 3 < periods[sizes.argmax()] / 4 < 7  # years


def test_the_pages_fourier_transform_is_that_of_the_figures():
    """Its sign (the article has both), by a pair with a closed form and by NumPy's transform."""
    page = (ROOT / "notebooks" / "06_masks.py").read_text(encoding="utf-8")
    found = re.search(r"hat f\(\\xi\) = \\int f\(t\)\\, e\^\{(-?)2\\pi i \\xi t\}", page)
    sign = -1 if found[1] == "-" else 1
    t, step = np.linspace(-8, 8, 1600, endpoint=False, retstep=True)
    f, xi = np.exp(-np.pi * (t - 0.3) ** 2), np.array([-1.25, -0.5, 0.0, 0.25, 1.0])
    ours = (f * np.exp(sign * 2j * np.pi * xi[:, None] * t)).sum(1) * step
    np.testing.assert_allclose(ours, np.exp(-np.pi * xi**2 - 2j * np.pi * 0.3 * xi), atol=1e-12)
    theirs = np.fft.fft(f) * step * np.exp(2j * np.pi * np.fft.fftfreq(t.size, step) * 8)
    at = np.round(xi * t.size * step).astype(int)
    np.testing.assert_allclose(theirs[at], ours, atol=1e-12)
    back = (ours[3] * np.exp(-sign * 2j * np.pi * xi[3] * t)).real  # one wave of the inverse
    assert np.argmax(back[(t > -1) & (t < 1)]) == np.argmin(np.abs(t[(t > -1) & (t < 1)] - 0.3))


def test_the_sweeps_values_are_the_results():
    stored = results.load("cme", "smoke", "accepted")
    found = widgets.sweep(stored.arrays, "ours", stored["table1.db5.r2"])
    count = len(found["lams"]) * len(found["gammas"])
    assert all(len(found[key]) == count for key in ("psi", "r2", "cv", "valid"))
    arrays = stored.arrays
    first = (arrays["start"] == "db5") & (arrays["seed"] == arrays["seed"][0])
    np.testing.assert_allclose(found["r2"], arrays["r2"][first], atol=1e-4)
    i, j = found["start"]
    assert found["cv"][i * len(found["gammas"]) + j] == max(found["cv"])


def test_unknown_widgets_are_refused_and_data_cannot_end_the_script():
    with pytest.raises(ValueError, match="there is no widget 'wheel'"):
        data_of("wheel")
    text = html("haar", {"a": "</script><b>"})
    assert text.count("</script>") == 1
    assert json.loads(re.search(r"json\">(.*)</script>", text)[1]) == {"a": "</script><b>"}


# --- in a browser --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("there is no chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield found
        found.close()


def test_the_slider_over_lambda_has_twelve_images_of_the_papers_scale():
    found = data_of("lambda", "masks@paper")
    assert len({one["name"] for one in found["images"]}) == 12
    for name in ("wavelet", "pixel"):
        fewer = []
        for one in found["images"]:
            kept = [float(share.rstrip(" %")) for share in one[f"kept_{name}"]]
            assert len(one[name]) == len(found["lams"])
            assert kept[0] >= kept[-1]
            fewer.append(kept[0] > kept[-1])
        assert sum(fewer) >= 10  # where noise alone has the answer, nothing is ever kept


@pytest.fixture(scope="module")
def page_path(tmp_path_factory) -> Path:
    """A page with every widget, as the book has them."""
    folder = tmp_path_factory.mktemp("page")
    for name in (*SCRIPTS, "awd.css"):
        shutil.copy(STATIC / name, folder)
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 32, 32)).astype(np.uint8)
    drawing = {
        "size": 32, "network": widgets.network(network(), "abcd"),
        "images": [widgets.base64_of(one, "uint8") for one in images],
    }  # fmt: skip
    given = {
        "haar": {}, "transforms": data_of("transforms"), "sweep": data_of("sweep"),
        "mask": drawing, "lambda": lambda_data(),
    }  # fmt: skip
    scripts = "".join(f'<script src="{name}"></script>' for name in SCRIPTS)
    body = "".join(
        f'<section class="bd-article" id="{name}"><figure id="still-{name}">still</figure>'
        f"{html(name, data, f'still-{name}')}</section>"
        for name, data in given.items()
    )
    path = folder / "page.html"
    path.write_text(
        f'<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">'
        f'<link rel="stylesheet" href="awd.css">{scripts}{body}'
    )
    return path


def lambda_data() -> dict:
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    one = {
        "name": "cat", "label": "cat", "probability": "99 %", "image": widgets.png(grey),
        "wavelet": [widgets.png(grey // k) for k in (1, 2, 3)],
        "pixel": [widgets.png(255 - grey // k) for k in (1, 2, 3)],
        "kept_wavelet": ["9 %", "5 %", "1 %"], "kept_pixel": ["20 %", "10 %", "2 %"],
    }  # fmt: skip
    return {"lams": ["1", "10", "100"], "images": [one, one | {"name": "coffee"}]}


@pytest.fixture(scope="module")
def served(page_path):
    quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {
        "log_message": lambda *_: None
    })  # fmt: skip
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(quiet, directory=page_path.parent)
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/{page_path.name}"
    server.shutdown()
    server.server_close()


@pytest.fixture(params=["file", "http"])
def page(browser, page_path, request):
    """The page, opened as a file or over http; fails on any error or request to elsewhere."""
    at = page_path.as_uri() if request.param == "file" else request.getfixturevalue("served")
    opened = browser.new_page(viewport={"width": 900, "height": 800}, has_touch=True)
    faults = []
    opened.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    opened.on("pageerror", lambda error: faults.append(str(error)))
    start = at.rsplit("/", 1)[0]
    opened.on("request", lambda r: None if r.url.startswith((start, "data:")) else
              faults.append(r.url))  # fmt: skip
    opened.goto(at)
    yield opened
    opened.close()
    assert not faults


def test_still_figures_give_way_on_a_screen_only(page):
    for name in NAMES:
        assert page.locator(f"#still-{name}").is_hidden()
        assert page.locator(f"#{name} .awd-live").is_visible()
    page.emulate_media(media="print")
    for name in NAMES:
        assert page.locator(f"#still-{name}").is_visible()
        assert page.locator(f"#{name} .awd-live").is_hidden()


@pytest.mark.parametrize("media", ["screen", "print"])
def test_without_javascript_still_figures_stay(browser, page_path, media):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(page_path.as_uri())
        page.emulate_media(media=media)
        for name in NAMES:
            still = page.locator(f"#still-{name}")
            assert still.is_visible()
            assert still.bounding_box()["height"] > 0
            widget = page.locator(f"#{name} .awd-widget")
            assert widget.bounding_box()["height"] == 0
            margins = widget.evaluate("(e) => { const s = getComputedStyle(e);"
                                      " return s.marginTop + s.marginBottom; }")  # fmt: skip
            assert margins == "0px0px"
        assert page.locator(".awd-live").count() == 0


def drag(page, canvas, start, end):
    """Draw from one place in a canvas to another with the mouse; where the canvas is."""
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + start[0], box["y"] + start[1])
    page.mouse.down()
    page.mouse.move(box["x"] + end[0], box["y"] + end[1])
    page.mouse.up()
    return box


def test_drawing_changes_the_transform(page):
    said = page.locator("#haar [aria-live]")
    page.get_by_role("button", name="Clear").click()
    assert said.inner_text().startswith("0 of 4096 pixels are drawn; 0 of 4096")
    canvas = page.locator("#haar canvas").first
    box = drag(page, canvas, (20, 20), (120, 90))
    by_mouse = int(said.inner_text().split()[0])
    assert by_mouse > 60
    page.touchscreen.tap(box["x"] + 150, box["y"] + 20)
    by_touch = int(said.inner_text().split()[0])
    assert by_touch > by_mouse
    canvas.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", " "):
        page.keyboard.press(key)
    assert int(said.inner_text().split()[0]) > by_touch


def test_a_square_has_few_haar_coefficients(page):
    page.locator("#haar").get_by_role("button", name="Square").click()
    drawn, _, *rest = page.locator("#haar [aria-live]").inner_text().split()
    text = " ".join(rest)
    assert int(drawn) == 32 * 32
    assert int(re.search(r"drawn; (\d+)", text)[1]) == 16  # 32 / 2³ squared: it lies on the grid


def test_signals_can_be_chosen_by_keys(page):
    live = page.locator("#transforms .awd-live")
    before = live.locator("path").first.get_attribute("d")
    live.get_by_label("two sines").focus()
    page.keyboard.press("ArrowRight")
    assert live.get_attribute("data-shown") == "delta peak"
    assert live.locator("path").first.get_attribute("d") != before
    live.get_by_label("El Niño").check()
    assert "from 1950" in live.locator("[aria-live]").inner_text()


def test_sliders_show_the_sweeps_own_values(page):
    live, data = page.locator("#sweep .awd-live"), data_of("sweep")
    for i, lam in enumerate(data["lams"]):
        for j, gamma in enumerate(data["gammas"]):
            live.get_by_label("sparsity λ").fill(str(i))
            live.get_by_label("interpretation γ").fill(str(j))
            assert live.get_attribute("data-shown") == f"{lam}, {gamma}"
            r2 = data["r2"][i * len(data["gammas"]) + j]
            assert f"{r2:.3f}" in live.locator("[aria-live]").inner_text()
    live.get_by_label("sparsity λ").focus()
    page.keyboard.press("Home")
    assert live.get_attribute("data-shown").startswith(f"{data['lams'][0]}, ")


def test_lambda_changes_the_masks(page):
    live, data = page.locator("#lambda .awd-live"), lambda_data()
    live.get_by_label("λ").fill("2")
    assert live.get_attribute("data-shown") == "cat, 100"
    sources = [live.locator("img").nth(k).get_attribute("src") for k in range(3)]
    one = data["images"][0]
    assert sources == [one["image"], one["wavelet"][2], one["pixel"][2]]
    assert "1 % of the wavelet coefficients, 2 % of the pixels" in live.inner_text()
    live.get_by_label("image").select_option(label="coffee")
    assert live.get_attribute("data-shown") == "coffee, 100"


def test_a_drawn_mask_is_judged_by_the_network(page):
    live = page.locator("#mask .awd-live")
    live.get_by_role("button", name="Keep all").click()
    live.get_by_role("button", name="Predict").click()
    live.locator(".awd-said", has_text="Expected distortion 0.000").wait_for()
    live.get_by_role("button", name="Keep nothing").click()
    drag(page, live.locator("canvas").first, (30, 30), (90, 60))
    kept = int(live.locator("[aria-live]").inner_text().split()[0])
    assert 3 < kept < 60
    live.get_by_role("button", name="Predict").click()
    live.locator(".awd-said", has_text="Expected distortion").wait_for()
    assert float(live.get_attribute("data-distortion")) > 1e-3
    assert "of 16 draws" in live.locator("[aria-live]").inner_text()


def recorded(live, line):
    """Have every text that a line of a widget shows kept in the page; how to read them."""
    live.locator(line).evaluate("""(e) => {
        window.texts = [];
        const keep = () => { if (e.textContent) window.texts.push(e.textContent); };
        new MutationObserver(keep).observe(e, { childList: true });
    }""")
    return lambda: live.page.evaluate("window.texts")


@pytest.mark.parametrize("change", ["image", "drawing"])
def test_a_prediction_ends_when_its_image_or_mask_changes(page, change):
    live = page.locator("#mask .awd-live")
    texts = recorded(live, ".awd-said")
    live.evaluate(
        """(e, change) => {  // at once: before the first of the 16 draws is followed up
        e.querySelector("button").click();
        const key = (type, name) => e.querySelector("canvas").dispatchEvent(
            new KeyboardEvent(type, { key: name, bubbles: true }));
        if (change === "image") e.querySelectorAll("input[type=radio]")[1].click();
        else { key("keydown", " "); key("keyup", " "); }
    }""",
        change,
    )
    button = live.get_by_role("button", name="Predict")
    assert button.get_attribute("aria-disabled") == "false"
    live.get_by_role("button", name="Keep all").click()
    button.click()  # as long as the first, and begun later: that one would have ended by then
    live.locator(".awd-said", has_text="Expected distortion").wait_for()
    found = [text for text in texts() if text.startswith("Expected")]
    assert len(found) == 1
    assert found[0].startswith("Expected distortion 0.000.")
    assert live.get_attribute("data-distortion") == "0"


def test_another_image_or_mask_takes_the_old_result_away(page):
    live = page.locator("#mask .awd-live")
    right = live.locator("canvas").nth(1)
    grey = right.evaluate("(e) => e.toDataURL()")
    changes = (
        lambda: live.get_by_label("2", exact=True).check(),
        lambda: live.get_by_role("button", name="Keep nothing").click(),
        lambda: drag(page, live.locator("canvas").first, (30, 30), (40, 30)),
    )
    for change in changes:
        live.get_by_role("button", name="Predict").click()
        live.locator(".awd-said", has_text="Expected distortion").wait_for()
        assert right.evaluate("(e) => e.toDataURL()") != grey
        change()
        assert "Expected" not in live.inner_text()
        assert live.get_attribute("data-distortion") is None
        assert right.evaluate("(e) => e.toDataURL()") == grey


def filled(page, name):
    """Of how much a drawing says that it is drawn."""
    return int(page.locator(f"#{name} .awd-said").inner_text().split()[0])


@pytest.mark.parametrize(("name", "size", "clear"),
                         [("haar", 64, "Clear"), ("mask", 32, "Keep nothing")])  # fmt: skip
def test_one_can_draw_and_erase_by_keys_alone(page, name, size, clear):
    live = page.locator(f"#{name} .awd-live")
    canvas, ring = live.get_by_role("application"), live.locator(".awd-brush")
    described = canvas.get_attribute("aria-describedby").split()
    told = " ".join(page.locator(f"#{part}").text_content() for part in described)
    for word in ("arrows", "Space", "Shift", "Delete", "Backspace", f"column {size // 2 + 1}"):
        assert word in told
    assert live.locator(".awd-hint").is_visible()
    live.get_by_role("button", name=clear).click()
    assert ring.is_hidden()
    for _ in range(4):  # from the buttons back to the canvas
        page.keyboard.press("Shift+Tab")
        if canvas.evaluate("(e) => e === document.activeElement"):
            break
    assert ring.is_visible()
    before = ring.bounding_box()
    page.keyboard.press("ArrowRight")
    after, box = ring.bounding_box(), canvas.bounding_box()
    assert after["x"] - before["x"] == pytest.approx(2 * box["width"] / size, abs=0.5)
    assert after["y"] == before["y"]
    assert filled(page, name) == 0
    page.keyboard.press("Space")
    dot = filled(page, name)
    assert dot > 0
    style = ring.get_attribute("style")
    page.keyboard.press("Alt+ArrowUp")  # the browser's
    assert ring.get_attribute("style") == style
    cell = [int((after[side] + after[length] / 2 - box[side]) * size / box[length])
            for side, length in (("x", "width"), ("y", "height"))]  # fmt: skip
    assert cell == [size // 2 + 2, size // 2]  # where the ring is, there the dot
    value = canvas.evaluate("(e, at) => e.getContext('2d').getImageData(...at, 1, 1).data[0]", cell)
    page.keyboard.press("Delete")
    assert filled(page, name) == 0
    cleared = canvas.evaluate(
        "(e, at) => e.getContext('2d').getImageData(...at, 1, 1).data[0]", cell
    )
    assert cleared != value
    for _ in range(3):
        page.keyboard.press("Shift+ArrowDown")
    assert filled(page, name) > dot
    for key in ("Backspace", "ArrowUp", "Backspace", "ArrowUp", "Delete"):
        page.keyboard.press(key)
    assert filled(page, name) == 0
    canvas.evaluate("(e) => e.blur()")
    assert ring.is_hidden()


@pytest.mark.parametrize("name", ["haar", "mask"])
def test_only_the_end_of_a_stroke_is_announced(page, name):
    live = page.locator(f"#{name} .awd-live")
    texts = recorded(live, ".awd-heard")
    canvas = live.locator("canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 100, box["y"] + 50, steps=12)
    assert texts() == []
    shown = live.locator(".awd-said").inner_text()  # the eye need not wait
    page.mouse.up()
    assert texts() == [shown]
    canvas.focus()
    for _ in range(5):  # a held key repeats
        page.keyboard.down("Shift")
        page.keyboard.down("ArrowDown")
    assert len(texts()) == 1
    page.keyboard.up("ArrowDown")
    assert len(texts()) == 2
    page.keyboard.up("Shift")
    page.keyboard.press("ArrowUp")  # without Shift nothing is painted
    assert len(texts()) == 2


def test_a_prediction_is_announced_once_and_its_button_keeps_the_focus(page):
    live = page.locator("#mask .awd-live")
    texts = recorded(live, ".awd-heard")
    button = live.get_by_role("button", name="Predict")
    button.focus()
    while_running = button.evaluate("""(e) => {
        e.click();
        e.click();  // the second does nothing
        return [e.getAttribute("aria-disabled"), e === document.activeElement];
    }""")
    assert while_running == ["true", True]
    live.locator(".awd-said", has_text="Expected distortion").wait_for()
    assert len(texts()) == 1
    assert texts()[0].startswith("Expected distortion")
    assert button.get_attribute("aria-disabled") == "false"
    assert button.evaluate("(e) => e === document.activeElement")
