namespace OptimSharp.Site.Tests;

public class SearchTests(SiteBrowser browser) : IClassFixture<SiteBrowser>
{
    [Theory]
    [InlineData("AdamW", "docs/optimizers/AdamW.html", "AdamW")]
    [InlineData("OneCycleLR", "docs/schedulers/OneCycleLR.html", "OneCycleLR")]
    [InlineData("GradScaler", "api/OptimSharp.GradScaler.html", "Class GradScaler")]
    [InlineData("checkpoints of other projects", "docs/checkpoints-of-projects.html", "Checkpoints of other projects")]
    public async Task A_search_leads_to_the_page(string words, string page, string heading)
    {
        await using var open = await browser.Open("docs/index.html");
        await open.Page.WaitForSelectorAsync("#search-query:not([disabled])");
        await open.Page.FillAsync("#search-query", words);
        string result = $"#search-results .sr-items a[href*='{page}']";
        await open.Page.WaitForSelectorAsync(result);
        var found = await open.Page.RunAndWaitForPopupAsync(() => open.Page.ClickAsync(result));
        await found.WaitForURLAsync($"**/{page}*");
        Assert.Equal(heading, (await found.InnerTextAsync("article h1")).Trim());
        Assert.Empty(open.Complaints);
    }

    [Fact]
    public async Task A_search_for_what_is_not_there_says_so()
    {
        await using var open = await browser.Open("docs/index.html");
        await open.Page.WaitForSelectorAsync("#search-query:not([disabled])");
        await open.Page.FillAsync("#search-query", "xyzzyplugh");
        await open.Page.WaitForSelectorAsync("text=No results for");
    }
}
