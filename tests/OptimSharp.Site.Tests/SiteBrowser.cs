using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Logging;
using Microsoft.Playwright;

namespace OptimSharp.Site.Tests;

/// <summary>A web server with the site, and a browser. OPTIMSHARP_CHROMIUM names the browser; else it is where Debian has it.</summary>
public sealed class SiteBrowser : IAsyncLifetime
{
    readonly string chromium = Environment.GetEnvironmentVariable("OPTIMSHARP_CHROMIUM") is { Length: > 0 } named ? named : "/usr/bin/chromium";
    readonly Dictionary<(int Width, ColorScheme Scheme), IBrowserContext> contexts = []; // pages of one share the index for searching, which takes a second to make
    WebApplication? server;
    IPlaywright? playwright;
    IBrowser? browser;

    public async ValueTask InitializeAsync()
    {
        if (!File.Exists(chromium) || !Directory.Exists(BuiltSite.Root))
            return;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        server = builder.Build();
        server.Urls.Add("http://127.0.0.1:0");
        server.UseFileServer(new FileServerOptions { FileProvider = new PhysicalFileProvider(BuiltSite.Root) });
        await server.StartAsync();
        playwright = await Playwright.CreateAsync();
        browser = await playwright.Chromium.LaunchAsync(new() { ExecutablePath = chromium, Args = ["--no-sandbox"] }); // the sandbox does not start as root
    }

    /// <summary>Opens a page in a window of its own.</summary>
    /// <param name="page">The page's path on the site.</param>
    /// <param name="width">The window's width in pixels.</param>
    /// <param name="scheme">What the system prefers.</param>
    public async Task<OpenPage> Open(string page, int width = 1280, ColorScheme scheme = ColorScheme.Light)
    {
        BuiltSite.Require();
        Assert.SkipUnless(browser != null, $"There is no {chromium}; on Debian, apt install chromium.");
        if (!contexts.TryGetValue((width, scheme), out var context))
            contexts[(width, scheme)] = context = await browser!.NewContextAsync(new() { ViewportSize = new() { Width = width, Height = 844 }, ColorScheme = scheme });
        var opened = new OpenPage(await context.NewPageAsync(), server!.Urls.Single());
        await opened.GoTo(page);
        return opened;
    }

    public async ValueTask DisposeAsync()
    {
        if (browser != null)
            await browser.DisposeAsync();
        playwright?.Dispose();
        if (server != null)
            await server.DisposeAsync();
    }
}

/// <summary>A page in a window of its own, and what the browser complained about.</summary>
public sealed class OpenPage : IAsyncDisposable
{
    readonly string address;
    readonly List<string> complaints = [];

    public OpenPage(IPage page, string address)
    {
        (Page, this.address) = (page, address);
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
                complaints.Add(message.Text);
        };
        page.PageError += (_, error) => complaints.Add(error);
        page.RequestFailed += (_, request) => complaints.Add($"{request.Url}: {request.Failure}");
        page.Response += (_, response) =>
        {
            if (response.Status >= 400)
                complaints.Add($"{response.Url}: {response.Status}");
        };
        page.Request += (_, request) =>
        {
            if (!request.Url.StartsWith(address, StringComparison.Ordinal) && !request.Url.StartsWith("data:", StringComparison.Ordinal) && !request.Url.StartsWith("blob:", StringComparison.Ordinal))
                complaints.Add($"{request.Url} is not on the site");
        };
    }

    public IPage Page { get; }

    /// <summary>Errors and warnings of scripts, answers that are no success, requests to elsewhere.</summary>
    public IReadOnlyList<string> Complaints => complaints;

    /// <summary>Where on the site the window is.</summary>
    public string Path => Page.Url[(address.Length + 1)..];

    /// <summary>Goes to a page and waits until its scripts have done their work.</summary>
    public async Task GoTo(string page)
    {
        await Page.GotoAsync($"{address}/{page}");
        await Page.WaitForFunctionAsync("window.docfx?.ready === true");
    }

    public async ValueTask DisposeAsync() => await Page.CloseAsync();
}
