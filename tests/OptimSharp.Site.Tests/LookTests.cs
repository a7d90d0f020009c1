using Microsoft.Playwright;

namespace OptimSharp.Site.Tests;

/// <summary>Pages of each kind in a real browser: as wide as a phone and as a desk, light and dark. Pictures are left in artifacts/site/screenshots.</summary>
public class LookTests(SiteBrowser browser) : IClassFixture<SiteBrowser>
{
    static readonly string[] pages =
    [
        "index.html", "docs/index.html", "docs/choosing.html", "docs/checkpoints.html", "docs/optimizers/AdamW.html", "docs/schedulers/index.html", "bench/results/index.html",
        "samples/OptimizerRace/index.html", "src/OptimSharp/Optimizers/Muon.cs.html", "api/index.html", "api/OptimSharp.html", "api/OptimSharp.AdamW.html", "api/OptimSharp.Optimizer-1.html",
        "CHANGELOG.html", "CONTRIBUTING.html",
    ];

    public static TheoryData<string, int, ColorScheme> Windows => [.. from page in pages from width in new[] { 1280, 390 } from scheme in new[] { ColorScheme.Light, ColorScheme.Dark } select (page, width, scheme)];

    [Theory]
    [MemberData(nameof(Windows))]
    public async Task A_page_fits_its_window_in_its_colours_without_complaints(string page, int width, ColorScheme scheme)
    {
        await using var open = await browser.Open(page, width, scheme);
        Assert.Equal(0, await open.Page.EvaluateAsync<int>("document.documentElement.scrollWidth - document.documentElement.clientWidth"));
        double brightness = await open.Page.EvaluateAsync<double>("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).reduce((sum, x) => sum + +x, 0) / 765");
        Assert.True(scheme == ColorScheme.Light ? brightness > 0.9 : brightness < 0.2, $"The background's brightness is {brightness:0.00}.");
        Assert.False(string.IsNullOrWhiteSpace(await open.Page.InnerTextAsync("article h1")));
        string folder = Path.Combine(BuiltSite.Root, "..", "screenshots");
        await open.Page.ScreenshotAsync(new() { Path = Path.Combine(folder, $"{page.Replace('/', '-')}.{width}.{scheme}.png".ToLowerInvariant()) });
        Assert.Empty(open.Complaints);
    }

    /// <summary>What scripts put into a page, the tables of contents and the way back, leads somewhere too.</summary>
    [Theory]
    [InlineData("index.html", 4)]
    [InlineData("docs/optimizers/AdamW.html", 80)]
    [InlineData("api/OptimSharp.AdamW.html", 200)]
    public async Task Links_that_scripts_make_lead_to_pages(string page, int least)
    {
        await using var open = await browser.Open(page);
        string[] links = await open.Page.EvaluateAsync<string[]>("[...document.querySelectorAll('#navbar a, #toc a, #breadcrumb a')].map(a => a.href).filter(h => h.startsWith(location.origin)).map(h => new URL(h).pathname.slice(1))");
        Assert.True(links.Length >= least, $"There are only {links.Length} links.");
        Assert.All(links.Where(link => link.Length > 0), link => Assert.True(File.Exists(Path.Combine(BuiltSite.Root, link)), $"{link} is not there."));
    }

    [Fact]
    public async Task The_colours_can_be_chosen_and_are_kept()
    {
        await using var open = await browser.Open("docs/choosing.html", width: 1024); // a window that no other test has: the choice is kept
        await open.Page.ClickAsync("a[title='Change theme']");
        await open.Page.ClickAsync("text=Dark");
        Assert.Equal("dark", await open.Page.GetAttributeAsync("html", "data-bs-theme"));
        await open.GoTo("api/OptimSharp.AdamW.html");
        Assert.Equal("dark", await open.Page.GetAttributeAsync("html", "data-bs-theme"));
    }

    [Fact]
    public async Task On_a_phone_the_contents_open_and_lead_to_a_page()
    {
        await using var open = await browser.Open("docs/choosing.html", width: 390);
        Assert.False(await open.Page.IsVisibleAsync("#toc"));
        await open.Page.ClickAsync("button[aria-label='Show table of contents']");
        await open.Page.ClickAsync("#toc a:text-is('Muon')");
        await open.Page.WaitForURLAsync("**/docs/optimizers/Muon.html");
        Assert.Equal("Muon", await open.Page.InnerTextAsync("article h1"));
    }

    [Fact]
    public async Task The_same_script_in_both_languages_is_two_tabs()
    {
        await using var open = await browser.Open("docs/porting-from-pytorch.html");
        ILocator csharp = open.Page.Locator("code.lang-csharp", new() { HasText = "using var optimizer" }).First, python = open.Page.Locator("code.lang-python").First;
        Assert.True(await csharp.IsVisibleAsync());
        Assert.False(await python.IsVisibleAsync());
        await open.Page.ClickAsync("article a[role=tab]:text-is('Python')");
        Assert.True(await python.IsVisibleAsync());
        Assert.False(await csharp.IsVisibleAsync());
        Assert.Equal(2, await open.Page.Locator("article a[role=tab]").CountAsync());
        Assert.Empty(open.Complaints);
    }

    [Fact]
    public async Task Code_is_coloured_and_commands_are_not()
    {
        await using var open = await browser.Open("index.html");
        await open.Page.WaitForSelectorAsync("code.lang-csharp .hljs-keyword");
        Assert.Equal(0, await open.Page.Locator("pre code:not([class*=lang-]) span[class^=hljs-]").CountAsync());
    }
}
