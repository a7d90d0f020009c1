using OptimSharp.Site;

if (args is not [string root, string output])
{
    Console.Error.WriteLine("usage: OptimSharp.Site REPOSITORY OUTPUT");
    return 2;
}
var site = new StagedSite(new Repository(root), output);
site.Write();
Console.WriteLine($"{site.Pages} pages and {site.Files} files that they link to, in {output}");
return 0;
