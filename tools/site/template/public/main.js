// DocFX asks lunr for pages that have every word; lunr indexes none of these, so a question with one of them would find nothing.
const stopWords = new Set(('a able about across after all almost also am among an and any are as at be because been but by can cannot could dear did do does either else ever every for from get got '
  + 'had has have he her hers him his how however i if in into is it its just least let like likely may me might most must my neither no nor not of off often on only or other our own rather '
  + 'said say says she should since so some than that the their them then there these they this tis to too twas us wants was we were what when where which while who whom why will with would '
  + 'yet you your').split(' '))

function withoutStopWords(query) {
  const words = query.split(' ').filter(word => !stopWords.has(word.replace('+', '').toLowerCase()))
  return words.length > 0 ? words.join(' ') : query
}

export default {
  start() {
    const post = Worker.prototype.postMessage
    Worker.prototype.postMessage = function (message, ...rest) {
      post.call(this, typeof message?.q === 'string' ? { ...message, q: withoutStopWords(message.q) } : message, ...rest)
    }
  },

  // A block that names no language is a command or its output: shown as it is, not guessed at.
  configureHljs: hljs => hljs.configure({ languages: [] }),
}
